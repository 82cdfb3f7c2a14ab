/** Code of a module that the server calls. Logs name it. */
export interface ExtensionCode {
  readonly className: string;
  readonly moduleName: string;
  readonly methodName: string;
}

/** Names code in a sentence: `Crm.call of CrmModule`. */
export const nameOf = ({ className, methodName, moduleName }: ExtensionCode): string =>
  `${className}.${methodName} of ${moduleName}`;

/** The members of a log line about code. */
export const codeMembers = ({ className, methodName, moduleName }: ExtensionCode) => ({
  module: moduleName,
  class: className,
  method: methodName,
});
