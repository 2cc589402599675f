/** What a newcomer sees in a terminal: `npm start`, Ctrl-C, and once more. `script` makes the terminal. */
import { equal, match, ok } from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { freePorts } from '../support/free-ports.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { root, tributary } from './support/run.ts';

const noScript = spawnSync('script', ['--version']).error !== undefined && '"script" (Debian: bsdutils) is missing';

/** Runs a command line in a terminal, presses Ctrl-C once `until` is on the screen, and gives what was shown. */
async function inTerminal(command: string, until: RegExp): Promise<{ code: number | null; screen: string }> {
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let screen = '';
  let isPressed = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
    if (isPressed || !until.test(screen)) return;
    isPressed = true;
    child.stdin.write('\x03');
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, screen };
}

test('npm start in a terminal ends with code 0 at Ctrl-C, and npm reports no error', { skip: noScript }, async () => {
  await using folder = await tempFolder('terminal');
  const [port] = await freePorts(1);
  // exec: the shell that `script` starts would die of the Ctrl-C itself.
  const command = `exec npm start -- --data "${folder.path}" --listen 127.0.0.1:${port}`;
  const counts: number[] = [];
  for (let run = 0; run < 2; run++) {
    const { code, screen } = await inTerminal(command, /[1-9]\d* messages/);
    equal(code, 0, screen);
    match(screen, /\nStopped\.\r?\n/);
    ok(!/npm (error|ERR)/i.test(screen), screen);
    const all = await tributary(['tap', 'trades', '--no-follow', '-o', 'json', '--broker', `embedded:${folder.path}`], {
      cwd: folder.path,
    });
    counts.push(all.stdout.trim().split('\n').length);
  }
  ok(counts[0]! > 0 && counts[1]! > counts[0]!, `the second start did not go on: ${counts}`);
});
