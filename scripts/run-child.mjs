// Runs a Node program as if it were this one: its input and output, its signals, its exit code.
//
// One Ctrl-C arrives here twice under npm (from the terminal and from npm, which passes on what it got), and it would reach a
// child in our process group a third time. A second Ctrl-C means "at once" to the program, so each must reach it exactly
// once: the child gets a process group of its own, and what comes in quick succession is one signal.
// Such a child would survive a kill -9 of our group. `tether.mjs` in the child watches a pipe that only we hold open.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const sameSignalMs = 250;
const tether = new URL('tether.mjs', import.meta.url).href;

/** Resolves with the exit code; 128 + the signal's number where a signal ended the child. */
export function runChild(node, args, { cwd, env }) {
  return new Promise((resolve) => {
    const child = spawn(node, ['--import', tether, ...args], {
      cwd,
      env: { ...env, TRIBUTARY_TETHER: `3:${process.pid}` },
      stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
      detached: process.platform !== 'win32',
    });
    child.stdio[3]?.on('error', () => {}); // the child ended first
    const lastAt = new Map();
    const forward = (signal) => {
      const now = performance.now();
      if (now - (lastAt.get(signal) ?? Number.NEGATIVE_INFINITY) < sameSignalMs) return;
      lastAt.set(signal, now);
      child.kill(signal);
    };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, forward);
    child.on('error', (error) => {
      console.error(`Cannot start Node: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (code, signal) => {
      for (const name of signals) process.off(name, forward);
      resolve(code ?? 128 + (constants.signals[signal] ?? 0));
    });
  });
}
