/** ingest over permessage-deflate. The feed compresses on its core, which may be what bounds the rate. */
import { type IngestOptions, ingest } from './ingest.ts';

export function run(options: IngestOptions): Promise<void> {
  return ingest('ingest-compressed', true, options);
}
