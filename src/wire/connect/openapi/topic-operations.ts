/** Operations on topics and their records, which are no part of Kafka Connect's interface: for "tributary topics", tap and produce. */
import { type Operation, op } from './operations.ts';
import { listOf, ref } from './schemas.ts';

const noTopic = { 404: 'There is no such topic' };
const unreachable = { 503: 'The broker cannot be reached, or is full' };
const refusals = { 403: 'The broker allows it not, or the topic is a table of the worker', ...unreachable };
const ndjson = 'application/x-ndjson';
const tapQuery = {
  from: 'earliest, latest, an offset, -N for the last N records, or a time',
  limit: 'Ends after so many records',
  follow: 'false: ends at what is the end now; true (default)',
  partition: 'Only this partition',
  key: 'Only records with this key',
};

export const topicOperations: readonly Operation[] = [
  op(
    'get',
    '/topics',
    'topics',
    'Topics of the broker',
    { 200: listOf(ref('TopicSummary')) },
    { refusals: unreachable },
  ),
  op(
    'post',
    '/topics',
    'topics',
    'Makes a topic',
    { 201: ref('TopicDetails') },
    {
      body: 'TopicToCreate',
      refusals: { ...refusals, 400: 'The topic cannot be made so', 409: 'There is one of that name' },
    },
  ),
  op(
    'get',
    '/topics/{topic}',
    'topics',
    'Partitions and configuration of a topic',
    { 200: ref('TopicDetails') },
    { refusals: { ...noTopic, ...unreachable } },
  ),
  op(
    'delete',
    '/topics/{topic}',
    'topics',
    'Deletes a topic with its records',
    { 204: null },
    { refusals: { ...noTopic, ...refusals } },
  ),
  op(
    'get',
    '/tap/{topic}',
    'records',
    'Records of a topic, one a line, as they come',
    { 200: ref('TapRecord') },
    {
      contentType: ndjson,
      query: tapQuery,
      refusals: { ...noTopic, ...refusals, 400: 'A parameter cannot be used' },
    },
  ),
  op(
    'post',
    '/produce/{topic}',
    'records',
    'Writes records, one a line of the body',
    { 200: ref('Produced') },
    {
      body: 'RecordInput',
      contentType: ndjson,
      refusals: { ...noTopic, ...refusals, 400: 'A line is no record', 415: 'The body is no NDJSON' },
    },
  ),
];
