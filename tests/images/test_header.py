"""How the proxies of a login log in at what is behind them."""

import base64

from images.operations.header import header


def test_basic_auth_has_name_and_password() -> None:
    word, _, coded = header({"MOLINO_USERNAME": "admin", "MOLINO_PASSWORD": "a:b c"}).partition(" ")
    assert (word, base64.b64decode(coded)) == ("Basic", b"admin:a:b c")


def test_a_key_is_sent_as_it_is() -> None:
    assert header({"MOLINO_API_KEY": "of-serving"}) == "of-serving"
