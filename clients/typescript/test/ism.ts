import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { claimsOf } from "../src/token.js";

/** The program, built by `go build -o bin/ ./cmd/ism` or where ISM_TEST_BIN_DIR says. */
export const program = join(process.env["ISM_TEST_BIN_DIR"] ?? "../../bin", "ism");
export const isBuilt = existsSync(program);

export interface ISM {
  url: string;
  port: number;
  /** A token of the development identity provider. */
  token(user: string): Promise<string>;
  id(user: string): Promise<string>;
  stop(): Promise<void>;
}

/** Starts the whole messenger in one process, with an identity provider that knows everybody. */
export async function startISM(settings: Record<string, string> = {}): Promise<ISM> {
  if (!isBuilt) throw new Error(`${program} is not built: go build -o bin/ ./cmd/ism`);
  const data = mkdtempSync(join(tmpdir(), "ism-client-"));
  const [port, internal, media] = await Promise.all([freePort(), freePort(), freePort()]);
  const url = `http://localhost:${port}`;
  const child = spawn(program, {
    env: {
      ISM_DEV_IDP_ENABLED: "true", ISM_DATA_DIR: join(data, "data"), ISM_LOG_LEVEL: "error", ISM_HTTP_ADDRESS: `127.0.0.1:${port}`,
      ISM_HTTP_INTERNAL_ADDRESS: `127.0.0.1:${internal}`, ISM_MEDIA_DIRECTORY_ADDRESS: `127.0.0.1:${media}`, ...settings,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (text) => (output += text));
  child.stderr.on("data", (text) => (output += text));
  const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    rmSync(data, { recursive: true, force: true });
  };
  for (const until = Date.now() + 60_000; ; await sleep(50)) {
    if (await fetch(`${url}/ready`).then((response) => response.ok, () => false)) break;
    if (child.exitCode !== null || Date.now() > until) throw new Error(`the messenger does not start: ${output}`);
  }
  const token = async (user: string) => {
    const body = new URLSearchParams({ grant_type: "password", client_id: "ism-web", username: user, password: user });
    const response = await fetch(`${url}/realms/ism/protocol/openid-connect/token`, { method: "POST", body });
    return ((await response.json()) as { access_token: string }).access_token;
  };
  return { url, port, token, id: async (user) => String(claimsOf(await token(user))["sub"]), stop };
}

/** A network that can be cut: what is on it dies, at whatever byte it is. */
export class Network {
  private readonly sockets = new Set<Socket>();
  private up = true;
  url = "";

  private constructor(private readonly server: Server) {}

  static async to(port: number): Promise<Network> {
    const server = createServer();
    const network = new Network(server);
    server.on("connection", (socket) => {
      if (!network.up) return socket.destroy();
      const other = connect(port, "127.0.0.1");
      for (const [one, two] of [[socket, other], [other, socket]] as const) {
        network.sockets.add(one);
        one.on("error", () => {}).on("close", () => {
          network.sockets.delete(one);
          two.destroy();
        });
        one.pipe(two);
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    network.url = `http://localhost:${(server.address() as AddressInfo).port}`;
    return network;
  }

  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  down(): void {
    this.up = false;
    this.cut();
  }

  restore(): void {
    this.up = true;
  }

  close(): Promise<void> {
    this.down();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until something is so, and says what it was at last otherwise. */
export async function until(what: string, is: () => unknown, ms = 60_000): Promise<void> {
  for (const end = Date.now() + ms; !(await is()); await sleep(20)) {
    if (Date.now() > end) throw new Error(`not within ${ms / 1000} s: ${what}`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
