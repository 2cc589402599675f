"""Masks of WebSocket frames (RFC 6455, 5.3): each fourth byte by one table."""

TABLES = ["".join(chr(byte ^ mask) for byte in range(256)) for mask in range(256)]


class XorMaskerNull(object):
    def __init__(self, mask=None):
        self.ptr = 0

    def pointer(self):
        return self.ptr

    def reset(self):
        self.ptr = 0

    def process(self, data):
        self.ptr += len(data)
        return data


class XorMasker(XorMaskerNull):
    def __init__(self, mask):
        assert len(mask) == 4
        self.ptr = 0
        self.tables = [TABLES[ord(byte)] for byte in mask]

    def process(self, data):
        given = bytes(data)
        masked = bytearray(len(given))
        for at in range(4):
            masked[at::4] = given[at::4].translate(self.tables[(self.ptr + at) & 3])
        self.ptr += len(given)
        return bytes(masked)


def createXorMasker(mask, length=None):
    return XorMasker(mask)
