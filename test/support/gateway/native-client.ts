import type { RawWebSocket } from '../../conformance/runners/gateway/web-socket.ts';

export type Frame = Readonly<Record<string, unknown>> & { readonly type: string };

interface RecordFrame {
  readonly partition: number;
  readonly offset: number;
  readonly value: unknown;
}

/** How long a test waits for what must come: generous, for machines with much to do. */
const withinMs = 60_000;

/** A client of the native protocol that takes frames one by one. */
export class NativeClient {
  readonly socket: RawWebSocket;

  constructor(socket: RawWebSocket) {
    this.socket = socket;
  }

  send(...frames: readonly object[]): void {
    this.socket.send(1, Buffer.from(frames.map((frame) => JSON.stringify(frame)).join('\n')));
  }

  /** The first frame of a type that has not been taken yet; the others stay. */
  next(type: string, fits: (frame: Frame) => boolean = () => true): Promise<Frame> {
    return this.nextOf([type], fits);
  }

  /** The first of several types. */
  nextOf(types: readonly string[], fits: (frame: Frame) => boolean = () => true): Promise<Frame> {
    const { units } = this.socket;
    const seen = (): string =>
      units.items.map((unit) => (unit.kind === 'frame' ? unit.json['type'] : unit.kind)).join();
    return units.until(
      withinMs,
      () => `a frame "${types.join('" or "')}" (there are: ${seen()})`,
      (items) => {
        const at = items.findIndex(
          (unit) => unit.kind === 'frame' && types.includes(unit.json['type'] as string) && fits(unit.json as Frame),
        );
        if (at === -1) return undefined;
        const [unit] = items.splice(at, 1);
        return unit!.kind === 'frame' ? (unit!.json as Frame) : undefined;
      },
    );
  }

  /** `sub` with what comes first: its `ok`. */
  async subscribe(id: number, members: object): Promise<Frame> {
    this.send({ type: 'sub', id, ...members });
    return this.next('ok', (frame) => frame['id'] === id);
  }

  /** Records of one subscription until so many have come. */
  async records(count: number, id = 1): Promise<RecordFrame[]> {
    const found: RecordFrame[] = [];
    while (found.length < count) {
      const { records } = await this.next('data', (frame) => frame['id'] === id);
      found.push(...(records as RecordFrame[]));
    }
    return found;
  }

  async values(count: number, id = 1): Promise<unknown[]> {
    return (await this.records(count, id)).map(({ value }) => value);
  }

  /** The code the connection is closed with. */
  closed(): Promise<number> {
    return this.socket.closes.until(
      withinMs,
      () => 'the close',
      (codes) => codes[0],
    );
  }

  leave(): void {
    this.socket.destroy();
  }
}
