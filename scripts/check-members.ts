// Fails on a class member that nothing reads. knip reports unused files and exports, but since its version 6 no members.
// Tests count as readers. Not reported are members with a decorator, members that a base class or an interface declares
// (then a library or a caller of that type reads them), and the public API of the packages.
import { relative } from 'node:path';
import ts from 'typescript';

const ROOT = `${import.meta.dirname}/../`;
const CHECKED = ['src', 'packages/client/src', 'packages/contract/src', 'packages/react/src', 'web/src'];
const READERS = ['test', 'bench', 'scripts', 'examples'];
/** Members that a library finds by their names alone. */
const CALLED_BY_NAME = new Set(['getDerivedStateFromError']);

const { options } = ts.convertCompilerOptionsFromJson(
  {
    target: 'es2023',
    lib: ['es2024', 'esnext.disposable', 'dom', 'dom.iterable', 'dom.asynciterable'],
    module: 'esnext',
    moduleResolution: 'bundler',
    jsx: 'react-jsx',
    types: ['node', 'jest', 'vite/client'],
    strict: true,
    experimentalDecorators: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    noEmit: true,
    // The packages' sources instead of their builds.
    paths: {
      '@cloutagent/contract': ['./packages/contract/src/index.ts'],
      '@cloutagent/contract/reduce': ['./packages/contract/src/reduce.ts'],
      '@cloutagent/client': ['./packages/client/src/index.ts'],
      '@cloutagent/react': ['./packages/react/src/index.ts'],
    },
  },
  ROOT,
);
const filesIn = (folder: string): string[] =>
  ts.sys.readDirectory(`${ROOT}${folder}`, ['.ts', '.tsx'], ['**/node_modules', '**/dist']);
const program = ts.createProgram([...CHECKED, ...READERS].flatMap(filesIn), options);
const checker = program.getTypeChecker();
const sources = program
  .getSourceFiles()
  .filter((file) => !file.isDeclarationFile && !file.fileName.includes('/node_modules/'));
const pathOf = (file: ts.SourceFile): string => relative(ROOT, file.fileName);
const checkedFiles = sources.filter(
  (file) =>
    CHECKED.some((folder) => pathOf(file).startsWith(`${folder}/`)) && !/\.spec\.tsx?$/.test(file.fileName),
);

function walk<T extends ts.Node>(
  root: ts.Node,
  is: (node: ts.Node) => node is T,
  visit: (node: T) => void,
): void {
  if (is(root)) visit(root);
  ts.forEachChild(root, (child) => walk(child, is, visit));
}

interface Member {
  readonly owner: ts.ClassLikeDeclaration;
  readonly declaration: ts.Declaration;
  readonly name: ts.Identifier | ts.PrivateIdentifier;
}

/** The members of a class, with the properties that its constructor's parameters declare. */
function membersOf(owner: ts.ClassLikeDeclaration): Member[] {
  return owner.members
    .flatMap((member): ts.Declaration[] =>
      ts.isConstructorDeclaration(member)
        ? member.parameters.filter((parameter) => ts.isParameterPropertyDeclaration(parameter, member))
        : [member],
    )
    .flatMap((declaration) => {
      const name = ts.getNameOfDeclaration(declaration);
      return name && (ts.isIdentifier(name) || ts.isPrivateIdentifier(name))
        ? [{ owner, declaration, name }]
        : [];
    });
}

const members = checkedFiles.flatMap((file) => {
  const found: Member[] = [];
  walk(file, ts.isClassLike, (owner) => found.push(...membersOf(owner)));
  return found;
});
const names = new Set(members.map(({ name }) => name.text));

type Use = ts.Identifier | ts.PrivateIdentifier | ts.StringLiteralLike;
const isUse = (node: ts.Node): node is Use =>
  (ts.isIdentifier(node) || ts.isPrivateIdentifier(node) || ts.isStringLiteralLike(node)) &&
  names.has(node.text);

/** The property that a name refers to, also where `{ name } = object` reads it. */
function propertyOf(use: Use): ts.Symbol | undefined {
  const { parent } = use;
  if (
    ts.isBindingElement(parent) &&
    ts.isObjectBindingPattern(parent.parent) &&
    (parent.propertyName ?? parent.name) === use
  )
    return checker.getTypeAtLocation(parent.parent).getProperty(use.text);
  return checker.getSymbolAtLocation(use);
}

/** The properties that `object[key]` may refer to. */
function propertiesAt({
  expression,
  argumentExpression,
}: ts.ElementAccessExpression): (ts.Symbol | undefined)[] {
  const key = checker.getTypeAtLocation(argumentExpression);
  const object = checker.getTypeAtLocation(expression).getNonNullableType();
  return (key.isUnion() ? key.types : [key])
    .filter((part) => part.isStringLiteral())
    .map((part) => object.getProperty(part.value));
}

const read = new Set<ts.Declaration>();
for (const file of sources) {
  walk(file, isUse, (use) => {
    const property = propertyOf(use);
    // In a constructor, the name of a parameter reads the parameter and not the property that it declares.
    if (!property || !(property.flags & ts.SymbolFlags.ClassMember)) return;
    for (const declaration of property.declarations ?? [])
      if (ts.getNameOfDeclaration(declaration) !== use) read.add(declaration);
  });
  walk(file, ts.isElementAccessExpression, (access) => {
    for (const property of propertiesAt(access))
      for (const declaration of property?.declarations ?? []) read.add(declaration);
  });
}
/** By name: the interfaces and object types through which a member of that name is read. */
const readThrough = Map.groupBy(
  [...read].filter((declaration) => ts.isTypeElement(declaration)),
  (declaration) => declaration.name?.getText() ?? '',
);

/** Classes whose members are for the packages' users. */
const published = new Set(
  ['client', 'contract', 'react'].flatMap((name) => {
    const entry = program.getSourceFile(`${ROOT}packages/${name}/src/index.ts`);
    const module = entry && checker.getSymbolAtLocation(entry);
    return (module ? checker.getExportsOfModule(module) : []).flatMap((symbol) => {
      const exported = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      return exported.declarations ?? [];
    });
  }),
);

function isUnused({ owner, declaration, name }: Member): boolean {
  if (read.has(declaration) || published.has(owner) || CALLED_BY_NAME.has(name.text)) return false;
  if (ts.canHaveDecorators(declaration) && ts.getDecorators(declaration)?.length) return false;
  const parents = (owner.heritageClauses ?? []).flatMap((clause) => [...clause.types]);
  if (parents.some((parent) => checker.getTypeAtLocation(parent).getProperty(name.text))) return false;
  const type = checker.getTypeAtLocation(owner);
  return !readThrough
    .get(name.text)
    ?.some((signature) => checker.isTypeAssignableTo(type, checker.getTypeAtLocation(signature.parent)));
}

const unused = members.filter(isUnused);
for (const { owner, name } of unused) {
  const file = name.getSourceFile();
  const { line } = file.getLineAndCharacterOfPosition(name.getStart());
  console.error(
    `${pathOf(file)}:${line + 1}: nothing reads ${owner.name?.text ?? 'class'}.${name.text}. Delete it.`,
  );
}
if (unused.length > 0) process.exitCode = 1;
