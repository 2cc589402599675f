/** nginx with nchan, Debian's packages, beside our gateway: the same subscribers, the same core. It keeps messages in memory. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nchanModule, nginxBinary } from '../../test/support/tools.ts';
import { freePort, listening } from '../support/feed.ts';
import { clientCore, gatewayCore } from './places.ts';

const tools = join(import.meta.dirname, '../tools');

/** For people: what it is, and how it is set. */
export function nchanSettings(): string {
  const version = /nginx\/(\S+)/.exec(String(spawnSync(nginxBinary, ['-v']).stderr))?.[1] ?? 'of an unknown version';
  return `nginx ${version} with Debian's nchan, one worker, messages in memory (256 MiB), no acknowledgements`;
}

export interface BenchNchan extends AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  /** Where its subscribers go. */
  urlOf(form: 'json' | 'sse'): string;
  /** Records of 200 bytes at that rate, as the feed makes them, over one WebSocket publisher. */
  publish(count: number, rate: number): Promise<void>;
}

export async function startBenchNchan(): Promise<BenchNchan> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-bench-nchan-'));
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  );
  const subscriber = (kind: string): string =>
    `location = /${kind} { nchan_subscriber ${kind}; nchan_channel_id bench; nchan_subscriber_first_message newest; }`;
  writeFileSync(
    join(folder, 'nginx.conf'),
    `load_module ${nchanModule};
worker_processes 1; daemon off; master_process off; worker_rlimit_nofile 20000;
pid ${join(folder, 'nginx.pid')}; error_log ${join(folder, 'error.log')};
events { worker_connections 15000; }
http {
  access_log off; ${temporary.join(' ')} nchan_shared_memory_size 256m;
  server {
    listen 127.0.0.1:${port};
    location = /publish { nchan_publisher; nchan_channel_id bench; nchan_message_buffer_length 100000; nchan_message_timeout 1h; }
    ${subscriber('websocket')}
    ${subscriber('eventsource')}
  }
}
`,
  );
  const words = ['-c', `${gatewayCore}`, nginxBinary, '-c', join(folder, 'nginx.conf'), '-p', folder];
  const child = spawn('taskset', words, { stdio: 'ignore' });
  await listening(port, child);
  return {
    pid: child.pid!,
    port,
    urlOf: (form) => (form === 'sse' ? `http://127.0.0.1:${port}/eventsource` : `ws://127.0.0.1:${port}/websocket`),
    async publish(count, rate) {
      const feed = `${tools}/feed -m out -s 200 -r ${rate} -n ${count} -d 300`;
      const line = `${feed} 2>/dev/null | ${tools}/wspub ws://127.0.0.1:${port}/publish 2>/dev/null`;
      await once(spawn('taskset', ['-c', `${clientCore}`, 'sh', '-c', line], { stdio: 'ignore' }), 'exit');
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
