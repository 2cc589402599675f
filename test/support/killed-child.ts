/** A process that tells of each of its commits, and is killed somewhere behind one of them. */
import { ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Starts the script and kills it with SIGKILL once it has told of so many commits (a number in each line of its output) and a
 * moment has passed that no commit decides. It must not have ended by itself.
 */
export async function runAndKill(
  script: string,
  args: readonly string[],
  { commits, moment }: { readonly commits: number; readonly moment: number },
): Promise<void> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  let rest = '';
  try {
    for await (const chunk of child.stdout) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop()!;
      const told = Number(/\d+/.exec(lines.at(-1) ?? '')?.[0] ?? 0);
      if (told < commits) continue;
      // Anywhere within a transaction: after as many turns of this loop, not of milliseconds.
      for (let turn = 0; turn < moment; turn++) await new Promise((wake) => setImmediate(wake));
      break;
    }
    ok(child.exitCode === null, `the process ended by itself with ${child.exitCode}`);
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
}
