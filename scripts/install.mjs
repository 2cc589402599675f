// Installs dependencies where they are missing or are not those of package-lock.json.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export function installIfNeeded(root) {
  const reason = reasonToInstall(root);
  if (reason === undefined) return;
  console.error(`Installing dependencies (${reason}) …`);
  const { status, signal } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
    // npm hands its own settings down to scripts; --omit=dev of an outer npm would leave the pinned Node out.
    env: { ...process.env, NODE_ENV: 'development', npm_config_omit: '', npm_config_ignore_scripts: 'false' },
  });
  if (signal !== null) process.exit(130);
  if (status !== 0) {
    console.error('Cannot install the dependencies: "npm ci" failed with the reason above.');
    process.exit(1);
  }
}

/** Compares what npm noted in node_modules with the lock file, so that a checkout installed by hand counts as well. */
export function reasonToInstall(root) {
  const installed = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return 'first start';
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const found = packagesOf(installed);
  for (const [path, { version, optional }] of Object.entries(wanted)) {
    // Packages for other platforms are in the lock file only.
    if (path === '' || (optional && found[path] === undefined)) continue;
    if (found[path]?.version !== version) return 'package-lock.json has changed';
  }
  return undefined;
}

function packagesOf(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}
