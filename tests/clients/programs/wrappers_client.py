"""litellm and LangChain, which wrap other clients: they take the base URL as those do."""

import asyncio
import base64
import json
import os
from typing import Any

from harness import (
    FACTS,
    KEY,
    PICTURE,
    PROMPT,
    URL,
    data_uri,
    fetch,
    kind_of,
    main,
    raises,
    size_of,
    step,
)

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch prices at its start

import litellm

BASE = f"{URL}/openai/v1"
SHOWN: Any = [
    {"type": "text", "text": "<OD>"},
    {"type": "image_url", "image_url": {"url": data_uri(PICTURE)}},
]


def paint(**more: Any) -> Any:
    settings = {"api_base": BASE, "api_key": KEY, "size": "128x128", "max_retries": 0}
    return litellm.image_generation(
        **{"model": "openai/flux.1-demo", "prompt": PROMPT, **settings} | more
    )


def fal(path: str, **more: Any) -> Any:
    return litellm.image_generation(
        model=f"fal_ai/{path}",
        prompt=PROMPT,
        api_base=f"{URL}/fal/run/{path}",
        api_key=KEY,
        **more,
    )


@step("litellm: generate")
def _() -> None:
    answer = paint()
    assert size_of(base64.b64decode(answer.data[0].b64_json)) == (128, 128)


@step("litellm: generate by URL")
def _() -> None:
    answer = paint(extra_body={"response_format": "url"})
    assert size_of(fetch(answer.data[0].url)) == (128, 128)


@step("litellm: edit")
def _() -> None:
    with PICTURE.open("rb") as image:
        answer: Any = litellm.image_edit(
            model="openai/flux.1-demo", image=image, prompt=PROMPT, api_base=BASE, api_key=KEY
        )
    assert size_of(base64.b64decode(answer.data[0].b64_json)) == (256, 256)


@step("litellm: edit with references")
def _() -> None:
    with PICTURE.open("rb") as first, PICTURE.open("rb") as second:
        answer: Any = litellm.image_edit(
            model="openai/flux.2-demo",
            image=[first, second],
            prompt=PROMPT,
            size="128x128",
            api_base=BASE,
            api_key=KEY,
        )
    assert size_of(base64.b64decode(answer.data[0].b64_json)) == (128, 128)


@step("litellm: look")
def _() -> None:
    answer: Any = litellm.completion(
        model="openai/florence-2-demo",
        messages=[{"role": "user", "content": SHOWN}],
        api_base=BASE,
        api_key=KEY,
    )
    assert json.loads(answer.choices[0].message.content)["<OD>"]["labels"] == ["circle"]


@step("litellm: look, by stream")
def _() -> None:
    chunks: Any = litellm.completion(
        model="openai/florence-2-demo",
        messages=[{"role": "user", "content": SHOWN}],
        api_base=BASE,
        api_key=KEY,
        stream=True,
    )
    told = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert "<OD>" in told


@step("litellm: bad key")
def _() -> None:
    with raises(litellm.AuthenticationError):
        paint(api_key="sk-wrong")


@step("litellm: unknown model")
def _() -> None:
    with raises(litellm.NotFoundError):
        paint(model="openai/dall-e-3")


@step("litellm: bad input")
def _() -> None:
    with raises(litellm.BadRequestError):
        paint(size="17x17")


@step("litellm: no credit")
def _() -> None:
    with raises(litellm.RateLimitError):
        paint(api_key=FACTS["poor"])


@step("litellm: eight at once")
def _() -> None:
    async def play() -> list[Any]:
        calls = (
            litellm.aimage_generation(
                model="openai/flux.1-demo",
                prompt=f"{PROMPT} {number}",
                size="128x128",
                api_base=BASE,
                api_key=KEY,
            )
            for number in range(8)
        )
        return await asyncio.gather(*calls)

    assert len({answer.data[0].b64_json for answer in asyncio.run(play())}) == 8


@step("litellm, fal: generate")
def _() -> None:
    answer = fal("bottega/flux.1-demo")
    assert kind_of(fetch(answer.data[0].url)) == "jpeg"


@step("litellm, fal: bad input")
def _() -> None:
    with raises(Exception) as raised:
        fal("bottega/flux.1-demo", num_images=99)
    assert "num_images" in str(raised.error), raised.error


@step("LangChain: DALL-E wrapper")
def _() -> None:
    from langchain_community.utilities.dalle_image_generator import (  # noqa: PLC0415
        DallEAPIWrapper,
    )

    wrapper = DallEAPIWrapper(api_key=KEY, base_url=BASE, model="flux.1-demo", size="128x128", n=2)
    urls = wrapper.run(PROMPT).split("\n")
    assert [size_of(fetch(url)) for url in urls] == [(128, 128)] * 2


@step("LangChain: chat about a picture")
def _() -> None:
    from langchain_core.messages import HumanMessage  # noqa: PLC0415
    from langchain_openai import ChatOpenAI  # noqa: PLC0415

    chat = ChatOpenAI(model="florence-2-demo", base_url=BASE, api_key=KEY)
    answer = chat.invoke([HumanMessage(content=SHOWN)])
    assert json.loads(str(answer.content))["<OD>"]["labels"] == ["circle"]
    told = "".join(str(chunk.content) for chunk in chat.stream([HumanMessage(content=SHOWN)]))
    assert told == answer.content


main()
