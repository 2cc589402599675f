/** `ws` alone: counts messages and does nothing with them. Arguments: URL, `deflate` or nothing. */
import { WebSocket } from 'ws';
import { tell } from './child.ts';

const [url, compression] = process.argv.slice(2) as [string, string | undefined];
let seen = 0;
const socket = new WebSocket(url, { perMessageDeflate: compression === 'deflate' });
socket.on('message', () => {
  seen++;
});
socket.on('error', () => {}); // the feed has ended
tell(() => seen);
