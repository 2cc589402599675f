// A converter: the length of a text in four bytes, then the text.

/** @type {import('@tributary/tributary/dist/app/plugin-contract.js').ConverterPlugin} */
export const lengthPrefixed = {
  kind: 'converter',
  className: 'example.LengthPrefixedConverter',
  version: '1.0.0',
  make: () => ({
    toBytes(_topic, _schema, value) {
      if (value === null) return null;
      const text = value instanceof Uint8Array ? value : Buffer.from(String(value));
      const bytes = Buffer.alloc(4 + text.length);
      bytes.writeInt32BE(text.length);
      bytes.set(text, 4);
      return bytes;
    },
  }),
};
