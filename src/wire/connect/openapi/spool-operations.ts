/** Operations on the spool, which are no part of Kafka Connect's interface: for "tributary spool". Nothing is changed. */
import { type Operation, op } from './operations.ts';
import { listOf, ref } from './schemas.ts';

const unreachable = { 503: 'The spool cannot be read' };

export const spoolOperations: readonly Operation[] = [
  op(
    'get',
    '/spool',
    'spool',
    'What waits for Kafka on the machine of this worker',
    { 200: listOf(ref('SpoolLog')) },
    { refusals: unreachable },
  ),
  op(
    'get',
    '/spool/{connector}',
    'spool',
    'Records of a connector that wait, one a line, and ranges that are damaged',
    { 200: ref('SpoolEntry') },
    {
      contentType: 'application/x-ndjson',
      query: {
        task: 'Only of this task',
        topic: 'Only what goes to this topic of Kafka',
        from: 'Offset of the log to begin with; without it the oldest record that waits',
        limit: 'Ends after so many records',
      },
      refusals: { 400: 'A parameter is wrong', 404: 'Nothing of the connector was spooled', ...unreachable },
    },
  ),
];
