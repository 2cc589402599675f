/**
 * A growing buffer that batches are appended to and that is used again and again: `clear()` forgets the content and keeps
 * the memory. Growing moves the bytes, so a view made before an append may not show what is appended after it.
 */
export class BatchBuffer {
  bytes: Buffer;
  /** Bytes in use. */
  length = 0;

  /** Begins with so many bytes, or with that memory. */
  constructor(begin: number | ArrayBuffer = 64 * 1024) {
    this.bytes = typeof begin === 'number' ? Buffer.allocUnsafeSlow(begin) : Buffer.from(begin);
  }

  clear(): void {
    this.length = 0;
  }

  /** Makes room for a content of `wanted` bytes in all and keeps the first `used` of them. */
  reserve(wanted: number, used: number = this.length): void {
    if (wanted <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(wanted, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, used);
    this.bytes = grown;
  }

  /** A view, not a copy: valid until the next append or clear. */
  view(from = 0, to: number = this.length): Buffer {
    return this.bytes.subarray(from, to);
  }
}
