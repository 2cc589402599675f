import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface TetheredProcess {
  /** Of the program itself, not of the shell that watches it. */
  readonly pid: number;
  /** Resolves when the program has ended, with its exit code (128 + signal where a signal ended it). */
  readonly exited: Promise<number>;
  readonly hasExited: () => boolean;
  /** The last of what it wrote to standard output and standard error, for messages. */
  readonly output: () => string;
}

/**
 * Runs a program that dies with this process, however this process ends, kill -9 included. A shell stands between: it
 * reads its standard input, a pipe that only we hold open, and kills the program at its end.
 */
export async function spawnTethered(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<TetheredProcess> {
  const shell = spawn('/bin/sh', ['-c', watch, 'sh', command, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  shell.stdin.on('error', () => {}); // EPIPE once the shell is gone: `exited` tells
  const output: string[] = [];
  const keep = (line: string): void => {
    output.push(line);
    if (output.length > 40) output.shift();
  };
  createInterface({ input: shell.stderr }).on('line', keep);
  let hasExited = false;
  const exited = exitCode(shell).finally(() => {
    hasExited = true;
  });
  const pid = await new Promise<number>((resolve, reject) => {
    const lines = createInterface({ input: shell.stdout });
    lines.once('line', (line) => {
      lines.on('line', keep);
      resolve(Number(line));
    });
    exited.then(
      (code) => reject(new Error(`${command} did not start (exit code ${code}): ${output.join('\n')}`)),
      reject,
    );
  });
  return { pid, exited, hasExited: () => hasExited, output: () => output.join('\n') };
}

/** `read` is built into the shell, so killing the watcher leaves nothing behind that would keep our pipes open. */
const watch = `
exec 3<&0
"$@" </dev/null 3<&- & child=$!
echo $child
{ while read -r _ <&3; do :; done; kill -9 $child 2>/dev/null; } & watcher=$!
wait $child; code=$?
kill $watcher 2>/dev/null
exit $code`;

async function exitCode(child: ChildProcess): Promise<number> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? (signal === null ? -1 : 128);
}
