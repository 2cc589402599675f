import type { Readable, Writable } from 'node:stream';

/** What a command sees of the process; tests put streams of their own behind it. */
export interface Io {
  readonly stdin: Readable;
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: NodeJS.ProcessEnv;
}

export function writeLine(stream: Writable, text: string): void {
  stream.write(`${text}\n`);
}

/** Writes, and waits where the reader is slower than we are. */
export async function writeAll(stream: Writable, text: string): Promise<void> {
  if (stream.write(text) || stream.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });
}

/** Aborted by Ctrl-C and SIGTERM, for commands that only have to stop what they do. A second one ends the process. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}
