// Finds the names of members that nothing outside of their classes can see, so that the build may shorten them: each is declared private, and is used
// as `this.NAME` alone.
import { readdirSync, readFileSync } from "node:fs";
import ts from "typescript";

const declarations = new Set([ts.SyntaxKind.PropertyDeclaration, ts.SyntaxKind.MethodDeclaration, ts.SyntaxKind.GetAccessor, ts.SyntaxKind.SetAccessor, ts.SyntaxKind.Parameter]);
const others = new Set([ts.SyntaxKind.PropertySignature, ts.SyntaxKind.MethodSignature, ts.SyntaxKind.PropertyAssignment, ts.SyntaxKind.ShorthandPropertyAssignment]);

/** A pattern for esbuild's mangleProps. */
export function privateNames(folder) {
  const hidden = new Set();
  const seen = new Set();
  const visit = (node) => {
    const name = node.name && ts.isIdentifier(node.name) ? node.name.text : undefined;
    if (declarations.has(node.kind) && name !== undefined) {
      const flags = ts.getCombinedModifierFlags(node);
      if (flags & ts.ModifierFlags.Private) hidden.add(name);
      else if (node.kind !== ts.SyntaxKind.Parameter || flags !== 0) seen.add(name);
    } else if (others.has(node.kind) && name !== undefined) seen.add(name);
    else if (ts.isPropertyAccessExpression(node) && node.expression.kind !== ts.SyntaxKind.ThisKeyword) seen.add(node.name.text);
    else if (ts.isBindingElement(node)) seen.add((node.propertyName ?? node.name).getText());
    ts.forEachChild(node, visit);
  };
  for (const file of readdirSync(folder).filter((each) => each.endsWith(".ts"))) {
    visit(ts.createSourceFile(file, readFileSync(`${folder}/${file}`, "utf8"), ts.ScriptTarget.ES2022, true));
  }
  return new RegExp(`^(${[...hidden].filter((name) => !seen.has(name)).join("|")})$`);
}
