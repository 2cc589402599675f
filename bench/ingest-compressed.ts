/** ingest over permessage-deflate, the window kept from message to message. What the feed compresses it has compressed before. */
import { brokers, type IngestOptions, ingest, ourProgram } from './ingest.ts';

export function run(options: IngestOptions): Promise<void> {
  // The feed compresses all of them before it listens: 10 µs each.
  const count = 400_000;
  return ingest({ name: 'ingest-compressed', protocol: 'deflate', count, brokers, ours: [ourProgram] }, options);
}
