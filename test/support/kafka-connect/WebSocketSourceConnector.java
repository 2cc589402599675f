package io.conduktor.connect.websocket;

import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.source.SourceConnector;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;

/** Under the name, the options and the offsets of the connector for WebSockets; it connects to nothing and counts to 5. */
public class WebSocketSourceConnector extends SourceConnector {
  private Map<String, String> config;

  public String version() { return "1.0.0"; }
  public void start(Map<String, String> properties) { config = properties; }
  public Class<? extends Task> taskClass() { return WebSocketSourceTask.class; }
  public List<Map<String, String>> taskConfigs(int max) { return List.of(config); }
  public void stop() {}

  public ConfigDef config() {
    return new ConfigDef()
        .define("websocket.url", ConfigDef.Type.STRING, ConfigDef.Importance.HIGH, "")
        .define("kafka.topic", ConfigDef.Type.STRING, ConfigDef.Importance.HIGH, "");
  }

  public static class WebSocketSourceTask extends SourceTask {
    private String url;
    private String topic;
    private long sequence;

    public String version() { return "1.0.0"; }

    public void start(Map<String, String> config) {
      url = config.get("websocket.url");
      topic = config.get("kafka.topic");
    }

    public List<SourceRecord> poll() throws InterruptedException {
      if (sequence == 5) {
        Thread.sleep(100);
        return null;
      }
      sequence++;
      Map<String, Object> offset = Map.of("session_id", "java", "sequence", sequence);
      return List.of(new SourceRecord(Map.of("websocket_url", url), offset, topic, Schema.STRING_SCHEMA, "java-" + sequence));
    }

    public void stop() {}
  }
}
