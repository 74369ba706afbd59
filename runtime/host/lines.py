"""A stream of bytes cut into lines."""

from __future__ import annotations


class TooLong(Exception):
    """A line that does not end."""


class Lines:
    """Bytes in, whole lines out; what is left of a line waits for more.

    Args:
        longest: a line must be no longer, in bytes without its end; may be changed on the way.
    """

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends and without blank ones.

        Raises:
            TooLong: a line is longer than allowed; the stream cannot be used any more.
        """
        # Only what is new is searched: a long line comes in many pieces.
        if b"\n" not in data:
            self._rest += data
            self._check(len(self._rest))
            return []
        first, *others = data.split(b"\n")
        self._rest += first
        lines = [bytes(self._rest), *others[:-1]]
        self._rest = bytearray(others[-1])
        self._check(max(map(len, [*lines, self._rest])))
        return [line for line in lines if line.strip()]

    def _check(self, length: int) -> None:
        if length > self.longest:
            raise TooLong(f"a line of more than {self.longest} bytes")
