import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.Stores;

/**
 * The tumbling volume-weighted average price of bench/sql-topics.ts in Kafka Streams, as it is fast there: records keyed by
 * symbol (no repartition topic), a streaming JSON parser that makes no tree, a store in memory behind a cache, one row for each
 * window once it is closed. Arguments: bootstrap, input topic, output topic, state folder, processing guarantee.
 */
public final class StreamsVwap {
  static final Duration SIZE = Duration.ofSeconds(60);
  static final JsonFactory JSON = new JsonFactory();

  record Trade(double price, double quantity, long time) {}

  record Sum(double volume, double quantity, long count) {
    Sum add(Trade trade) {
      return new Sum(volume + trade.price * trade.quantity, quantity + trade.quantity, count + 1);
    }
  }

  public static void main(String[] args) {
    Properties properties = new Properties();
    properties.put(StreamsConfig.APPLICATION_ID_CONFIG, args[2]);
    properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    properties.put(StreamsConfig.STATE_DIR_CONFIG, args[3]);
    properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, args[4]);
    properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000);
    properties.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64 << 20);
    properties.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
    properties.put(StreamsConfig.producerPrefix("linger.ms"), 5);

    Serde<Trade> trades = Serdes.serdeFrom((topic, trade) -> null, (Deserializer<Trade>) (topic, bytes) -> parse(bytes));
    Serde<Sum> sums = Serdes.serdeFrom((Serializer<Sum>) (topic, sum) -> write(sum), (topic, bytes) -> read(bytes));
    StreamsBuilder builder = new StreamsBuilder();
    builder
        .stream(args[1], Consumed.with(Serdes.String(), trades)
            .withTimestampExtractor((record, partitionTime) -> ((Trade) record.value()).time))
        .groupByKey(Grouped.with(Serdes.String(), trades))
        .windowedBy(TimeWindows.ofSizeWithNoGrace(SIZE))
        .aggregate(
            () -> new Sum(0, 0, 0),
            (symbol, trade, sum) -> sum.add(trade),
            Materialized.<String, Sum>as(
                    Stores.inMemoryWindowStore("sums", SIZE.multipliedBy(2), SIZE, false))
                .withKeySerde(Serdes.String())
                .withValueSerde(sums)
                .withCachingEnabled())
        .suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()))
        .toStream()
        .map((window, sum) -> KeyValue.pair(window.key(), row(window.key(), window.window().start(), sum)))
        .to(args[2], Produced.with(Serdes.String(), Serdes.ByteArray()));
    KafkaStreams streams = new KafkaStreams(builder.build(), properties);
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }

  static Trade parse(byte[] bytes) {
    double price = 0;
    double quantity = 0;
    long time = 0;
    try (JsonParser parser = JSON.createParser(bytes)) {
      parser.nextToken();
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        parser.nextToken();
        switch (name) {
          case "p" -> price = Double.parseDouble(parser.getText());
          case "q" -> quantity = Double.parseDouble(parser.getText());
          case "T" -> time = parser.getLongValue();
          default -> parser.skipChildren();
        }
      }
    } catch (IOException exception) {
      throw new UncheckedIOException(exception);
    }
    return new Trade(price, quantity, time);
  }

  static byte[] write(Sum sum) {
    return ByteBuffer.allocate(24).putDouble(sum.volume).putDouble(sum.quantity).putLong(sum.count).array();
  }

  static Sum read(byte[] bytes) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    return new Sum(buffer.getDouble(), buffer.getDouble(), buffer.getLong());
  }

  static byte[] row(String symbol, long start, Sum sum) {
    double vwap = sum.volume / sum.quantity;
    String text = "{\"symbol\":\"" + symbol + "\",\"start\":" + start + ",\"vwap\":" + vwap + ",\"n\":" + sum.count + "}";
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
