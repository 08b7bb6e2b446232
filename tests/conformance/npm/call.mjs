// Holds a call with the driver of @memberjunction/ai-assemblyai, and prints what came of it as one JSON object.
//
//   node --experimental-websocket call.mjs DRIVER.js KEY SOUNDS.json
//
// SOUNDS.json has what the caller says as base64 of 16-bit PCM at 24 kHz: {order, chat, stop}.

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [driverPath, key, soundsPath] = process.argv.slice(2);
const { AssemblyAIRealtime } = await import(pathToFileURL(driverPath));
const sounds = Object.fromEntries(
  Object.entries(JSON.parse(readFileSync(soundsPath))).map(([name, text]) => [name, Buffer.from(text, 'base64')]),
);

const BYTES_A_MS = 48;
const FRAME_MS = 50;
const PATIENCE_MS = 15000;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const TOOL = {
  Name: 'book_table',
  Description: 'Books a table.',
  ParametersSchema: { type: 'object', properties: { people: { type: 'integer' } } },
};

class Call {
  constructor(session) {
    this.session = session;
    this.said = []; // final transcripts: [role, text]
    this.tools = [];
    this.errors = [];
    this.interruptions = 0;
    this.bytes = 0; // of the agent's audio
    session.OnOutput((audio) => { this.bytes += audio.byteLength; });
    session.OnTranscript(({ Role, Text, IsFinal }) => { if (IsFinal) this.said.push([Role, Text]); });
    session.OnInterruption(() => { this.interruptions += 1; });
    session.OnError((error) => this.errors.push(error));
    session.OnToolCall((call) => {
      this.tools.push([call.ToolName, call.Arguments]);
      session.SendToolResult(call.CallID, JSON.stringify('four'));
    });
  }

  // Waits until the agent has said something that holds the text, after the transcripts already there.
  async agentSays(text, role = 'assistant') {
    const from = this.said.length;
    for (let waited = 0; waited < PATIENCE_MS; waited += 10) {
      if (this.said.slice(from).some(([who, what]) => who === role && what.includes(text))) return;
      await pause(10);
    }
    throw new Error(`never heard ${text}; heard ${JSON.stringify(this.said)}`);
  }

  async speaks(sound) {
    const size = FRAME_MS * BYTES_A_MS;
    for (let at = 0; at < sound.length; at += size) {
      const frame = Uint8Array.from(sound.subarray(at, at + size));
      this.session.SendInput(frame.buffer);
      await pause(FRAME_MS);
    }
  }

  async hears(ms) {
    const from = this.bytes;
    while (this.bytes - from < ms * BYTES_A_MS) await pause(10);
  }
}

async function wholeCall() {
  const session = await new AssemblyAIRealtime(key).StartSession({
    Model: 'any',
    SystemPrompt: 'one',
    Tools: [TOOL],
    Config: { greeting: 'Hello there.', voice: 'ivy', turn_detection: { min_silence: 500 }, keyterms: ['Ada'] },
  });
  const call = new Call(session);
  await call.agentSays('Hello there.');

  let answered = call.agentSays('four');
  await call.speaks(sounds.order);
  await answered;

  const chatting = call.speaks(sounds.chat);
  await call.hears(700);
  await chatting;
  const cut = call.agentSays('Certainly');
  await call.speaks(sounds.stop);
  await cut;

  session.SendContextNote('seven');
  answered = call.agentSays('seven');
  session.RequestSpokenUpdate('recite');
  await answered;
  await session.RegisterTools([{ ...TOOL, Name: 'ask' }]);
  await pause(200);
  await session.Close();
  const { said, tools, errors, interruptions, bytes } = call;
  return { said, tools, errors, interruptions, bytes };
}

// A token is made as for a browser, and opens a session in the place of the key.
async function withToken() {
  const made = await new AssemblyAIRealtime(key).CreateClientSession({ Model: 'any', SystemPrompt: 'one' });
  const session = await new AssemblyAIRealtime(made.EphemeralToken).StartSession({
    Model: 'any',
    SystemPrompt: 'one',
    Config: { greeting: 'Hello again.' },
  });
  const call = new Call(session);
  await call.agentSays('Hello again.');
  await session.Close();
  return { said: call.said, errors: call.errors };
}

console.log(JSON.stringify({ call: await wholeCall(), token: await withToken() }));
process.exit(0);
