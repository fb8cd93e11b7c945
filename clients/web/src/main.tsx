import { render } from "preact";
import { Root } from "./root.js";

render(<Root />, document.getElementById("app")!);
