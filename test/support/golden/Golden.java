import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Writes with Java's producer what make-golden-batches.ts then cuts out of the broker's log. */
public class Golden {
  static byte[] bytes(String text) { return text == null ? null : text.getBytes(StandardCharsets.UTF_8); }

  static ProducerRecord<byte[], byte[]> record(String topic, int i) {
    var record = new ProducerRecord<>(topic, 0, 1700000000000L + i * 10L, bytes(i % 3 == 0 ? null : "k" + i), bytes(i % 5 == 4 ? null : i % 7 == 6 ? "" : ("value-" + i + " ").repeat(3)));
    if (i % 2 == 1) record.headers().add(new RecordHeader("h" + i, bytes("x" + i))).add(new RecordHeader("n", null));
    return record;
  }

  static KafkaProducer<byte[], byte[]> producer(String bootstrap, Map<String, String> more) {
    var config = new Properties();
    config.put("bootstrap.servers", bootstrap);
    config.put("linger.ms", "200");
    config.putAll(more);
    return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
  }

  public static void main(String[] args) throws Exception {
    var bootstrap = args[0];
    try (var admin = Admin.create(Map.<String, Object>of("bootstrap.servers", bootstrap))) {
      var topics = new ArrayList<NewTopic>();
      for (var name : List.of("java-none", "java-gzip", "java-snappy", "java-lz4", "java-zstd", "java-plain", "java-transactions", "kcat-none", "kcat-gzip", "kcat-snappy", "kcat-lz4", "kcat-zstd"))
        topics.add(new NewTopic(name, 1, (short) 1));
      topics.add(new NewTopic("java-append-time", 1, (short) 1).configs(Map.of("message.timestamp.type", "LogAppendTime")));
      admin.createTopics(topics).all().get();
    }
    for (var compression : List.of("none", "gzip", "snappy", "lz4", "zstd"))
      try (var producer = producer(bootstrap, Map.of("compression.type", compression, "enable.idempotence", "true"))) {
        for (int i = 0; i < 12; i++) producer.send(record("java-" + compression, i));
      }
    for (var topic : List.of("java-plain", "java-append-time"))
      try (var producer = producer(bootstrap, Map.of("enable.idempotence", "false"))) {
        for (int i = 0; i < 12; i++) producer.send(record(topic, i));
      }
    try (var producer = producer(bootstrap, Map.of("transactional.id", "golden"))) {
      producer.initTransactions();
      for (int round = 0; round < 2; round++) {
        producer.beginTransaction();
        for (int i = 0; i < 12; i++) producer.send(record("java-transactions", i));
        if (round == 0) producer.commitTransaction(); else { producer.flush(); producer.abortTransaction(); }
      }
    }
  }
}
