// A device on MQTT.js: publishes one message at each quality of service, then waits for one command.
// Usage: node device.js PORT VERSION(4|5). Prints one line of JSON when it has heard its command.
const mqtt = require("mqtt");

const [port, version] = process.argv.slice(2).map(Number);
const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
  clientId: "js", username: "g1", password: "secret", protocolVersion: version, reconnectPeriod: 0,
});
const fail = (error) => { console.error(error); process.exit(1); };
client.on("error", fail);
setTimeout(() => fail("no command within 20 s"), 20000).unref();

client.on("connect", async () => {
  try {
    for (const qos of [0, 1, 2]) {
      await client.publishAsync("river/g1/level", `js ${qos}`, { qos });
    }
    await client.subscribeAsync("commands/g1/#", { qos: 2 });
    await client.publishAsync("river/g1/ready", "now", { qos: 1 });
  } catch (error) { fail(error); }
});
client.on("message", async (topic, payload, packet) => {
  console.log(JSON.stringify({ topic, payload: payload.toString(), qos: packet.qos }));
  setTimeout(async () => { await client.endAsync(); process.exit(0); }, 300);
});
