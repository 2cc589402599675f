/** WebSocket frames as a server writes and reads them, right or wrong. */
export interface FrameParts {
  readonly opcode: number;
  readonly payload: Uint8Array;
  readonly fin?: boolean;
  /** Bits 0x40, 0x20 and 0x10 of the first byte. */
  readonly reserved?: number;
  /** Servers must not mask. */
  readonly masked?: boolean;
  /** Length that the header claims, where it is not that of the payload. */
  readonly claimedLength?: number;
}

export interface ClientFrame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly masked: boolean;
  readonly payload: Buffer;
}

export function encodeServerFrame(frame: FrameParts): Buffer {
  const { opcode, payload, fin = true, reserved = 0, masked = false } = frame;
  const length = frame.claimedLength ?? payload.length;
  const header = [(fin ? 0x80 : 0) | reserved | opcode];
  const mask = masked ? 0x80 : 0;
  if (length < 126) header.push(mask | length);
  else if (length <= 0xffff) header.push(mask | 126, length >> 8, length & 0xff);
  else {
    const extended = Buffer.alloc(8);
    extended.writeBigUInt64BE(BigInt(length));
    header.push(mask | 127, ...extended);
  }
  if (masked) header.push(0, 0, 0, 0);
  return Buffer.concat([Buffer.from(header), payload]);
}

/** A message as frames, cut into so many parts of nearly equal length. */
export function fragments(opcode: number, payload: Uint8Array, parts: number, reserved = 0): Buffer[] {
  return Array.from({ length: parts }, (_, index) => {
    const from = Math.floor((payload.length * index) / parts);
    const to = Math.floor((payload.length * (index + 1)) / parts);
    return encodeServerFrame({
      opcode: index === 0 ? opcode : 0,
      payload: payload.subarray(from, to),
      fin: index === parts - 1,
      reserved: index === 0 ? reserved : 0,
    });
  });
}

/** Reads the frames of a client. */
export class FrameDecoder {
  readonly #onFrame: (frame: ClientFrame) => void;
  #bytes = Buffer.alloc(0);

  constructor(onFrame: (frame: ClientFrame) => void) {
    this.#onFrame = onFrame;
  }

  push(chunk: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    for (;;) {
      const bytes = this.#bytes;
      if (bytes.length < 2) return;
      const masked = (bytes[1]! & 0x80) !== 0;
      const short = bytes[1]! & 0x7f;
      let at = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (bytes.length < at + (masked ? 4 : 0)) return;
      const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
      const mask = masked ? bytes.subarray(at, at + 4) : Buffer.alloc(4);
      if (masked) at += 4;
      if (bytes.length < at + length) return;
      const payload = Buffer.from(bytes.subarray(at, at + length)).map((byte, index) => byte ^ mask[index & 3]!);
      this.#bytes = bytes.subarray(at + length);
      this.#onFrame({ opcode: bytes[0]! & 0x0f, fin: (bytes[0]! & 0x80) !== 0, masked, payload: Buffer.from(payload) });
    }
  }
}
