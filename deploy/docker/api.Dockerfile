# The API, the courier and `bottega migrate`: everything that needs no torch.
#   docker build -f deploy/docker/api.Dockerfile -t bottega-api .
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/bottega && python -m venv /opt/bottega-build
COPY requirements.lock ./
# uv in an environment of its own, which stays in this stage; by the lock's lines, with their hashes.
RUN sed -n '/^uv==/,/[^\\]$/p' requirements.lock > uv.lock \
    && /opt/bottega-build/bin/python -m pip install --no-cache-dir --no-deps --require-hashes -r uv.lock
COPY pyproject.toml README.md LICENSE ./
COPY api ./api
COPY db ./db
COPY deploy ./deploy
COPY migrations ./migrations
COPY workers ./workers
RUN /opt/bottega-build/bin/uv pip install --python /opt/bottega/bin/python --no-cache \
    --constraint requirements.lock --build-constraint requirements.lock '.[api]'

FROM python:3.11-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin bottega
COPY --from=build /opt/bottega /opt/bottega
ENV PATH=/opt/bottega/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    BOTTEGA_ALIVE_FILE=/tmp/alive
WORKDIR /tmp
USER 10001:10001
EXPOSE 8000
# For `api`; compose.yaml and the manifests have another check for the courier.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/livez', timeout=4)"]
ENTRYPOINT ["bottega"]
CMD ["api", "--host", "0.0.0.0", "--port", "8000"]
