/**
 * The floor of every event stream: Node's HTTP client gives its body, and nothing is done with it. Events are counted by their
 * bytes. Arguments: URL, bytes of an event.
 */
import { get } from 'node:http';
import { tell } from './child.ts';

const [url, eventBytes] = process.argv.slice(2) as [string, string];
let bytes = 0;
get(url, { headers: { accept: 'text/event-stream' } }, (response) => {
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  response.on('error', () => {}); // the feed has ended
});
tell(() => Math.floor(bytes / Number(eventBytes)));
