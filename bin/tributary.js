#!/usr/bin/env node
// Written so that any Node of the last years can read it: an old one shall say what it wants, not fail on syntax.
const wanted = [24, 6];
const found = process.versions.node.split('.').map(Number);
if (found[0] < wanted[0] || (found[0] === wanted[0] && found[1] < wanted[1])) {
  console.error(`tributary needs Node ${wanted.join('.')} or newer; this is Node ${process.versions.node}.`);
  process.exit(2);
}
// What memory-settings.js says is taken at a start only, so a long-running command begins anew in this very process.
const isSet = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((word) => word.includes('semi-space-size'));
if (['start', 'connect', 'copy', 'gateway'].includes(process.argv[2]) && !isSet && process.execve !== undefined) {
  const { heapOption, mallocSettings } = await import('./memory-settings.js');
  const words = [process.execPath, heapOption, ...process.execArgv, ...process.argv.slice(1)];
  process.execve(process.execPath, words, { ...mallocSettings, ...process.env });
}
// In a checkout the sources run as they are; what is published holds only what the build made of them.
const { existsSync } = await import('node:fs');
const { enableCompileCache } = await import('node:module');
const { homedir } = await import('node:os');
const { join } = await import('node:path');
const root = join(import.meta.dirname, '..');
const isCheckout = existsSync(join(root, 'src/main.ts'));
// What was compiled once is kept: without it each start strips the types again, which costs 0.1 s and 30 MB in each thread.
// In a folder of the user's own, never in one that others can write to: it is code. One that cannot be written is no failure.
const compiled = isCheckout
  ? join(root, '.cache/compile')
  : join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tributary');
enableCompileCache(compiled);
process.env.NODE_COMPILE_CACHE ??= compiled; // for threads: the call is for this one alone
const { main } = await import(isCheckout ? '../src/main.ts' : '../dist/main.js');
await main(process.argv.slice(2));
