"""URLs from users, parsed strictly: no form that another parser could read as another host."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.outbound import BadUrlError, OutboundSettings
from workers.outbound.urls import parse

ODD = [
    *(
        "",
        "https",
        "https:",
        "https://",
        "https:///x",
        "https:pictures.example",
        "//pictures.example",
    ),
    *("ftp://pictures.example/", "file:///etc/passwd", "gopher://pictures.example/", "data:,x"),
    *("http://pictures.example/", "HTTP://pictures.example/", "javascript:1", "unix:/run/x"),
    *("https://127.1/", "https://127.0.1/", "https://0x7f000001/", "https://0X7F.0.0.1/"),
    *("https://2130706433/", "https://0177.0.0.1/", "https://127.0.0.01/", "https://0/"),
    *("https://127.0.0.0x1/", "https://1.2.3.4.5/", "https://256.1.1.1/", "https://a.0x/"),
    *("https://127.1./", "https://pictures.example../", "https://.example/", "https://a..b/"),
    *("https://./", "https://0x7f000001./", "https://[::1]./"),
    *("https://user@pictures.example/", "https://user:pass@pictures.example/", "https://@a.b/"),
    *("https://pictures.example\\@127.0.0.1/", "https://pictures.example\\.evil.example/"),
    *("https://pictures.example%23@127.0.0.1:80@x/", "https://127%2e0.0.1/"),
    *("https://pict%75res.example/", "https://%6c%6fcalhost/", "https://ⓔxample.com/"),
    *(
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://127。0。0。1/",
        "https://straße.example/",
        "https://a\u200db.example/",
        "https://bü。example/",
        "https://bü_cher.example/",
        "https://b\u00fc\u202echer.example/",
        "https://böse@bücher.example/",
        "https://m\u0075\u0308nchen.example/",
        "https://loca\u017fhost/",
    ),
    *(
        "https://\u212aube.example/",
        "https://pictures.example/\u00e9",
        "https://pictures.example/a b",
    ),
    *(" https://pictures.example/", "https://pictures.example/\n", "https://pic\ttures.example/"),
    *("https://pictures.example/\r\nHost: x", "https://pictures.example/\x00", "https://a|b/"),
    *(
        "https://[::1/",
        "https://::1/",
        "https://[fe80::1%25eth0]/",
        "https://[v1.x]/",
        "https://[]/",
    ),
    *("https://[127.0.0.1]/", "https://[::1]x/", "https://[::1]:x/", "https://[::g]/"),
    *(
        "https://pictures.example:/",
        "https://pictures.example:0/",
        "https://pictures.example:65536/",
    ),
    *(
        "https://pictures.example:22/",
        "https://pictures.example:80/",
        "https://pictures.example:+443/",
    ),
    *("https://-a.example/", "https://a-.example/", f"https://{'a' * 64}.example/"),
    *(f"https://{'a.' * 127}example/", f"https://pictures.example/{'a' * 4096}"),
]


_OF_MUELLER = ("xn--mller-kva.example", 443, "/a", "xn--mller-kva.example")
_OF_PRIMER = ("a.xn--e1afmkfd", 8443, "/", "a.xn--e1afmkfd:8443")


@pytest.mark.parametrize("url", ODD)
def test_an_odd_url_is_refused_before_anything_is_looked_up(url: str) -> None:
    with pytest.raises(BadUrlError):
        parse(url, ports=[8443])


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "host_header"),
    [
        ("https://p.example", "p.example", 443, "/", "p.example"),
        ("HTTPS://P.Example/A?b=C#d", "p.example", 443, "/A?b=C", "p.example"),
        ("https://p.example./x", "p.example", 443, "/x", "p.example"),
        ("https://p.example.:8443/", "p.example", 8443, "/", "p.example:8443"),
        ("https://bücher.example", "xn--bcher-kva.example", 443, "/", "xn--bcher-kva.example"),
        ("https://MÜLLER.example./a", *_OF_MUELLER),
        ("https://例え.テスト/", "xn--r8jz45g.xn--zckzah", 443, "/", "xn--r8jz45g.xn--zckzah"),
        ("https://a.пример:8443/", *_OF_PRIMER),
        ("https://p.example:443/", "p.example", 443, "/", "p.example"),
        ("https://a_b.example:8443?q", "a_b.example", 8443, "/?q", "a_b.example:8443"),
        ("https://xn--bcher.example/", "xn--bcher.example", 443, "/", "xn--bcher.example"),
        ("https://1.1.1.1/x", "1.1.1.1", 443, "/x", "1.1.1.1"),
        ("https://[2606:4700:0::1111]/", "2606:4700::1111", 443, "/", "[2606:4700::1111]"),
        ("https://[::ffff:7f00:1]:8443/", "::ffff:7f00:1", 8443, "/", "[::ffff:7f00:1]:8443"),
        ("https://p.example//a/../b;c=%2F", "p.example", 443, "//a/../b;c=%2F", "p.example"),
        ("https://p.example/@a:b", "p.example", 443, "/@a:b", "p.example"),
    ],
)  # fmt: skip
def test_a_url_is_read_into_host_port_and_path(
    url: str, host: str, port: int, path: str, host_header: str
) -> None:
    target = parse(url, ports=[8443])

    assert (target.host, target.port, target.path) == (host, port, path)
    assert target.host_header == host_header


def test_an_address_is_known_as_one_and_a_name_is_not() -> None:
    assert str(parse("https://1.1.1.1/").address) == "1.1.1.1"
    assert str(parse("https://[2606:4700::1]/").address) == "2606:4700::1"
    assert parse("https://pictures.example/").address is None
    assert parse("https://1.1.1.1.pictures.example/").address is None


def test_plain_http_is_taken_where_the_operator_allows_it() -> None:
    target = parse("http://pictures.example/a", allow_http=True, ports=[8443])

    assert (target.scheme, target.port, target.host_header) == ("http", 80, "pictures.example")
    with pytest.raises(BadUrlError, match="port 443 is not among"):
        parse("http://pictures.example:443/a", allow_http=True, ports=[8443])


def test_any_port_is_taken_where_none_are_named() -> None:
    assert parse("https://pictures.example:12345/", ports=[]).port == 12345


@given(st.text())
def test_no_text_makes_it_fail_in_another_way(text: str) -> None:
    for url in (text, f"https://{text}", f"https://pictures.example/{text}"):
        try:
            target = parse(url, allow_http=True)
        except BadUrlError:
            continue
        host = (urlsplit(target.url).hostname or "").strip("[]").removesuffix(".")
        assert target.host == host or target.address


def test_the_environment_sets_what_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTTEGA_OUTBOUND_ALLOW", '["127.0.0.1/32", "fd00::/8"]')
    monkeypatch.setenv("BOTTEGA_OUTBOUND_HTTP", "true")
    monkeypatch.setenv("BOTTEGA_OUTBOUND_PORTS", "[9000]")

    settings = OutboundSettings()

    assert [str(network) for network in settings.allow] == ["127.0.0.1/32", "fd00::/8"]
    assert settings.allow_http
    assert settings.ports == (9000,)


def test_without_a_word_from_the_operator_nothing_private_and_no_http_is_allowed() -> None:
    settings = OutboundSettings()

    assert (settings.allow, settings.deny, settings.allow_http) == ((), (), False)
    assert settings.ports == (8443,)
