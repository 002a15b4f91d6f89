"""Who logs in."""

from dataclasses import dataclass

PASSWORD = "password"
"""Of everybody."""
HASH = "$2a$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W"
"""Of that, by bcrypt."""


@dataclass(frozen=True)
class Person:
    """Somebody whom the provider knows."""

    email: str
    groups: tuple[str, ...] = ()
    """None, not even an empty claim, has who isn't in the directory."""


ADMIN = Person("ada@example.com", ("ml-admins", "staff"))
ENGINEER = Person("bob@example.com", ("ml-engineers", "staff"))
OTHER = Person("eve@example.com", ("staff",))
"""In a group, but in none that may anything."""
GUEST = Person("guest@example.com")
PEOPLE = (ADMIN, ENGINEER, OTHER, GUEST)
