/** The program as a user runs it: a process, its output, its end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../../..');
const program = join(root, 'bin/tributary.js');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves when the text stands in what was written so far, of either stream. */
  waitFor(text: string | RegExp, ms?: number): Promise<void>;
  /** Sends the signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Ended>;
  readonly ended: Promise<Ended>;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string | Uint8Array;
  /** Its standard input stays open: the test writes to `child.stdin`, and ends it. */
  readonly typing?: boolean;
  /** Program to run in place of `bin/tributary.js` of this checkout. */
  readonly program?: string;
}

/** Runs a command to its end, which must come within 90 s. */
export async function tributary(args: readonly string[], options: RunOptions): Promise<Ended> {
  await using running = startTributary(args, options);
  return await within(
    running.ended,
    90_000,
    () => `"tributary ${args.join(' ')}" did not end:\n${running.stdout()}\n${running.stderr()}`,
  );
}

export function startTributary(args: readonly string[], options: RunOptions): Running {
  const { cwd, env, input, typing = false, program: other } = options;
  const child = spawn(process.execPath, [other ?? program, ...args], {
    cwd,
    // Nothing of the machine's own settings, and no test runner's: a child of `node --test` would report to it.
    env: { PATH: process.env['PATH'], HOME: cwd, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return watch(child, input, typing);
}

/** What a test that fails before it has anything to dispose of leaves behind. */
const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

export function watch(child: ChildProcess, input?: string | Uint8Array, typing = false): Running {
  let stdout = '';
  let stderr = '';
  const changed = new Set<() => void>();
  const tell = (): void => {
    for (const listener of changed) listener();
  };
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    tell();
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    tell();
  });
  child.stdin?.on('error', () => {}); // it ended before it had read everything: its code tells
  if (!typing) child.stdin?.end(input ?? '');
  const ended = once(child, 'close').then(([code]): Ended => ({ code: code as number | null, stdout, stderr }));
  alive.add(child);
  ended.finally(() => alive.delete(child)).then(tell, tell);

  return {
    child,
    pid: child.pid!,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    waitFor: (text, ms = 60_000) =>
      within(
        new Promise<void>((resolve, reject) => {
          const look = (): void => {
            const all = stdout + stderr;
            const found = typeof text === 'string' ? all.includes(text) : text.test(all);
            if (!found && child.exitCode === null && child.signalCode === null) return;
            changed.delete(look);
            if (found) resolve();
            else
              reject(
                new Error(`It ended (${child.exitCode ?? child.signalCode}) without writing ${String(text)}:\n${all}`),
              );
          };
          changed.add(look);
          look();
        }),
        ms,
        () => `It did not write ${String(text)}:\n${stdout}\n${stderr}`,
      ),
    async stop(signal = 'SIGINT') {
      child.kill(signal);
      return within(ended, 60_000, () => `It did not end after ${signal}:\n${stdout}\n${stderr}`);
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await ended;
    },
  };
}

export async function within<T>(promise: Promise<T>, ms: number, message: () => string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(message())), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What Node takes to start and end where nothing else runs. */
const quietNodeMs = 50;

/** How many times as long as on a quiet machine a program takes to start here and now; 1 at least. */
export async function busyness(): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const startedAt = performance.now();
    await once(spawn(process.execPath, ['--eval', '0'], { stdio: 'ignore' }), 'close');
    times.push(performance.now() - startedAt);
  }
  times.sort((a, b) => a - b);
  return Math.max(1, times[2]! / quietNodeMs);
}

/**
 * Asks again until the answer is true, a minute at most. What takes long is asked for more rarely, a tenth too late at most: each
 * question is work for the program that is waited for, on the same few cores.
 */
export async function until(what: string, check: () => Promise<boolean>, ms = 60_000): Promise<void> {
  const start = performance.now();
  while (!(await check())) {
    const waited = performance.now() - start;
    if (waited > ms) throw new Error(`Not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, Math.min(Math.max(waited / 10, 20), 200)));
  }
}
