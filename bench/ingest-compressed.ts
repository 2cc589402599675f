/** ingest over permessage-deflate, the window kept from message to message. What the feed compresses it has compressed before. */
import { type IngestOptions, ingest } from './ingest.ts';

export function run(options: IngestOptions): Promise<void> {
  return ingest('ingest-compressed', true, options);
}
