# One CUDA worker. torch's wheels carry the CUDA libraries; the host has its driver (580 or newer)
# and the NVIDIA container toolkit.
#   docker build -f deploy/docker/worker.Dockerfile -t bottega-worker .
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/bottega && python -m venv /opt/bottega-build
# Its own layer, before the sources: several GB that change only with torch's version.
RUN /opt/bottega/bin/python -m pip install --no-cache-dir torch==2.13.0
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
    --constraint requirements.lock --build-constraint requirements.lock '.[worker,quantization]'

FROM python:3.11-slim
# torch compiles its kernels' launchers with a C compiler, where compile=on.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm --recursive /var/lib/apt/lists \
    && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin bottega \
    && install --directory --owner=10001 --group=10001 /models
COPY --from=build /opt/bottega /opt/bottega
ENV PATH=/opt/bottega/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HOME=/models \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    BOTTEGA_METRICS_PORT=9400 \
    BOTTEGA_METRICS_HOST=0.0.0.0 \
    BOTTEGA_ALIVE_FILE=/tmp/alive
WORKDIR /tmp
VOLUME /models
USER 10001:10001
EXPOSE 9400
# The heartbeat touches the file from the first second, also while models load.
HEALTHCHECK --interval=20s --timeout=5s --start-period=60s --retries=3 \
    CMD ["sh", "-c", "test -n \"$(find /tmp/alive -mmin -1)\""]
ENTRYPOINT ["bottega", "worker"]
CMD ["--device", "cuda:0", "--variant", "flux.2-klein-4b"]
