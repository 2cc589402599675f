import { define, parse } from '../config/config-def.ts';
import { string } from '../config/option.ts';
import { dateFormat } from './date-format.ts';
import { withTopic } from './record-part.ts';
import { dataError } from './requirements.ts';
import { connectVersion, type TransformClass } from './transform.ts';

const config = define({
  'topic.format': string({
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is Connect's syntax
    default: '${topic}-${timestamp}',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the same
    doc: 'The new topic: ${topic} stands for the old one, ${timestamp} for the time in timestamp.format',
    importance: 'high',
  }),
  'timestamp.format': string({
    default: 'yyyyMMdd',
    doc: "How the record's time is written, in UTC: a pattern of Java's SimpleDateFormat",
    importance: 'high',
  }),
});

/** Topics by time: `trades` becomes `trades-20261121`. A record without a time is an error. */
export const timestampRouter: TransformClass = {
  kind: 'transformation',
  className: 'org.apache.kafka.connect.transforms.TimestampRouter',
  version: connectVersion,
  config,
  make(raw) {
    const { 'topic.format': topicFormat, 'timestamp.format': pattern } = parse(config, raw);
    const format = dateFormat(pattern);
    return {
      apply(record) {
        const { topic, timestampMs } = record;
        if (timestampMs === null) throw dataError(`Timestamp missing on record for topic "${topic}"`);
        const named = topicFormat.replaceAll(/\$\{topic\}/g, () => topic);
        return withTopic(
          record,
          named.replaceAll(/\$\{timestamp\}/g, () => format.format(timestampMs)),
        );
      },
    };
  },
};
