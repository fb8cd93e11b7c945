import { render } from "preact";
import { Root } from "./root.js";
import { keepApp } from "./worker.js";

render(<Root />, document.getElementById("app")!);
keepApp();
