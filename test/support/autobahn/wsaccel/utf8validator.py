"""Text that is valid as a whole is seen by Python's decoder; byte by byte goes only what is not, or ends within a character."""
import re

ACCEPT = 0
REJECT = 1
# Python 2 takes surrogates, which UTF-8 has none of (RFC 3629, 3).
surrogate = re.compile("\xed[\xa0-\xbf]")


class Utf8Validator(object):
    def __init__(self):
        self.reset()

    def reset(self):
        self.state = ACCEPT
        self.i = 0

    def validate(self, ba):
        """Valid so far, ends on a character, index in `ba` and in all of it: of the first wrong byte, or behind the last."""
        given = bytes(ba)
        if self.state == ACCEPT and is_text(given):
            self.i += len(given)
            return True, True, len(given), self.i
        # Not there yet when this module is loaded: that one loads this.
        from autobahn.websocket.utf8validator import UTF8VALIDATOR_DFA as dfa

        for at, byte in enumerate(bytearray(given)):
            self.state = dfa[256 + (self.state << 4) + dfa[byte]]
            if self.state == REJECT:
                self.i += at
                return False, False, at, self.i
        self.i += len(given)
        return True, self.state == ACCEPT, len(given), self.i


def is_text(given):
    try:
        given.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return surrogate.search(given) is None
