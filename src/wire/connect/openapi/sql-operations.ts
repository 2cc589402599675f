/** Operations on scripts of streaming SQL, which are no part of Kafka Connect's interface. Nothing runs and nothing is stored. */
import { type Operation, op } from './operations.ts';
import { ref } from './schemas.ts';

const refusals = { 400: 'The body is no object with the text of a script as its member "sql"' };

export const sqlOperations: readonly Operation[] = [
  op(
    'post',
    '/sql/check',
    'sql',
    'Checks a script: syntax, names, types and options',
    { 200: ref('SqlCheck') },
    { body: 'SqlScript', refusals },
  ),
  op(
    'post',
    '/sql/explain',
    'sql',
    'The streams, operators and state of a script',
    { 200: ref('SqlPlan'), 422: ref('SqlRefusal') },
    { body: 'SqlScript', refusals },
  ),
];
