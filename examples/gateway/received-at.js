// Client to Kafka: messages that are JSON objects are stored with the time at which the gateway had them. Whatever else comes is
// stored as it is.
import { withField } from './with-field.js';

export function transform(message) {
  message.message = withField(message.message, 'receivedAt', new Date().toISOString());
  return message;
}
