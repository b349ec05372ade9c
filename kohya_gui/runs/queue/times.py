"""Times of day and spans as people type them, such as 23:00 or +2h."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from train_core.config.problems import UserError, problem

_TIME = re.compile(r"(?:(\d{4})-(\d{1,2})-(\d{1,2})[ t]+)?(\d{1,2})[:：](\d{2})")
_SPAN = re.compile(r"\+(?=\d)(?:(\d{1,4})h)?(?:(\d{1,5})m(?:in)?)?")


def parse_time(text: str, now: float) -> float:
    """Unix seconds of `text`, read on this machine's clock: 23:00 is the next one, +2h30m counts from `now`.

    `now` or nothing is 0.0: no waiting. Raises `UserError` for anything else.
    """
    typed = text.strip().lower()
    if typed in ("", "now"):
        return 0.0
    span = _SPAN.fullmatch(typed.replace(" ", ""))
    if span is not None:
        return now + 3600 * int(span[1] or 0) + 60 * int(span[2] or 0)
    try:
        found = _moment(typed, datetime.fromtimestamp(now))
        return found.timestamp()
    except (ValueError, OverflowError, OSError) as error:  # no date, or one beyond what the system knows
        raise UserError(
            problem(
                "queue_time",
                "{text} is not a time. Write 23:00, 2030-01-31 23:00, +2h30m, or now.", text=text.strip(),
            )
        ) from error


def _moment(typed: str, now: datetime) -> datetime:
    """The moment that `typed` names; without a date, the next one of that time. Raises ValueError."""
    found = _TIME.fullmatch(typed)
    if found is None:
        raise ValueError(typed)
    year, month, day, hour, minute = (int(part) if part else 0 for part in found.groups())
    if year:
        return datetime(year, month, day, hour, minute)
    today = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return today if today > now else today + timedelta(days=1)


def clock(seconds: float, now: float) -> str:
    """Time of day of `seconds`, with the date if that is not today's."""
    moment, today = datetime.fromtimestamp(seconds), datetime.fromtimestamp(now)
    return f"{moment:%H:%M}" if moment.date() == today.date() else f"{moment:%Y-%m-%d %H:%M}"
