import { connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Writes to a TCP connection as it is, and reads until the other side closes it, or `isEnough` of what came. */
export function rawHttp(address: string, text: string | Buffer, isEnough = isWhole): Promise<RawAnswer> {
  const [host = '', port = ''] = address.split(/:(?=\d+$)/);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host);
    let came = '';
    const done = (): void => {
      socket.destroy();
      const end = came.indexOf('\r\n\r\n');
      const head = end === -1 ? came : came.slice(0, end);
      resolve({ status: Number(head.split(' ')[1] ?? 0), head, body: end === -1 ? '' : came.slice(end + 4) });
    };
    socket.on('data', (data) => {
      came += data.toString('latin1');
      if (isEnough(came)) done();
    });
    socket.on('error', (error) => (came === '' ? reject(error) : done()));
    socket.on('close', done);
    socket.write(text);
  });
}

function isWhole(came: string): boolean {
  const end = came.indexOf('\r\n\r\n');
  if (end === -1) return false;
  const length = /^content-length: *(\d+)/im.exec(came)?.[1];
  return length !== undefined && came.length >= end + 4 + Number(length);
}
