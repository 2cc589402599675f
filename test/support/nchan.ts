/** nginx with nchan, Debian's packages: a server of event streams that no one here wrote. It keeps messages in memory. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePorts } from './free-ports.ts';
import { spawnTethered, type TetheredProcess } from './tethered.ts';
import { nchanModule, nginxBinary, toolsMissing } from './tools.ts';

/** Why tests with nchan are skipped, or false. With NCHAN_REQUIRED=1 an nchan that is not there is a failure. */
export function nchanMissing(): string | false {
  return toolsMissing(['nchan'], 'NCHAN_REQUIRED');
}

export interface Nchan extends AsyncDisposable {
  /** Of the stream; asked with Last-Event-ID it goes on behind it, without from the oldest message. */
  readonly url: string;
  start(): Promise<void>;
  kill(): Promise<void>;
  /** One after the other, in order. */
  publish(messages: readonly string[]): Promise<void>;
}

export async function startNchan(folder: string): Promise<Nchan> {
  const [port] = await freePorts(1);
  const file = join(folder, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, name)};`,
  );
  await writeFile(
    file,
    `load_module ${nchanModule};
worker_processes 1;
daemon off;
master_process off;
pid ${join(folder, 'nginx.pid')};
error_log ${join(folder, 'error.log')};
events { worker_connections 64; }
http {
  access_log off;
  ${temporary.join('\n  ')}
  server {
    listen 127.0.0.1:${port!};
    location = /publish {
      nchan_publisher;
      nchan_channel_id events;
      nchan_message_buffer_length 100000;
      nchan_message_timeout 1h;
    }
    location = /stream {
      nchan_subscriber eventsource;
      nchan_channel_id events;
      nchan_subscriber_first_message oldest;
      nchan_eventsource_ping_interval 1;
    }
  }
}
`,
  );
  let running: TetheredProcess | undefined;
  const nchan: Nchan = {
    url: `http://127.0.0.1:${port!}/stream`,
    async start() {
      running = await spawnTethered(nginxBinary, ['-c', file, '-p', folder, '-e', join(folder, 'error.log')], {});
      while (!(await isListening(port!))) {
        if (running.hasExited()) throw new Error(`nginx has ended: ${running.output()}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async kill() {
      if (running === undefined || running.hasExited()) return;
      process.kill(running.pid, 'SIGKILL');
      await running.exited;
    },
    async publish(messages) {
      for (const message of messages) {
        const answer = await fetch(`http://127.0.0.1:${port!}/publish`, { method: 'POST', body: message });
        if (!answer.ok) throw new Error(`nchan answered a publication with ${answer.status}`);
        await answer.arrayBuffer();
      }
    },
    [Symbol.asyncDispose]: () => nchan.kill(),
  };
  await nchan.start();
  return nchan;
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false; // not yet
  } finally {
    socket.destroy();
  }
}
