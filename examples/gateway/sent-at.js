// Kafka to client: messages that are JSON objects go out with the time at which they do. Tombstones stay tombstones.
import { withField } from './with-field.js';

export function transform(message) {
  message.message = withField(message.message, 'sentAt', new Date().toISOString());
  return message;
}
