import { readFileSync } from 'node:fs';
import { DockerfileParser, type Arg, type Copy, type Env, type Instruction, type JSONInstruction, type Label } from 'dockerfile-ast';

/** One FROM with what follows it. */
export interface Stage {
  readonly name: string;
  readonly image: string;
  readonly instructions: readonly Instruction[];
}

/** The Dockerfile as its stages, in order. */
export function readStages(file = 'Dockerfile'): Stage[] {
  const dockerfile = DockerfileParser.parse(readFileSync(file, 'utf8'));
  const stages: { name: string; image: string; instructions: Instruction[] }[] = [];
  for (const from of dockerfile.getFROMs()) stages.push({ name: from.getBuildStage() ?? '', image: from.getImage() ?? '', instructions: [] });
  let at = -1;
  for (const instruction of dockerfile.getInstructions()) {
    if (instruction.getKeyword() === 'FROM') at++;
    else stages[at]?.instructions.push(instruction);
  }
  return stages;
}

/** What stands behind the keyword, line continuations joined. */
export function textOf(instruction: Instruction): string {
  return (instruction.getArgumentsContent() ?? '').replaceAll(/\\\r?\n\s*/g, '');
}

/** The instructions of one keyword, in order. */
export function allOf(stage: Stage, keyword: string): Instruction[] {
  return stage.instructions.filter((instruction) => instruction.getKeyword() === keyword);
}

/** The words of an instruction in its exec form; empty for the shell form or without one. HEALTHCHECK's stand behind CMD. */
export function execForm(stage: Stage, keyword: 'ENTRYPOINT' | 'CMD' | 'HEALTHCHECK'): string[] {
  const [found] = allOf(stage, keyword) as JSONInstruction[];
  if (found === undefined) return [];
  if (keyword !== 'HEALTHCHECK') return found.getJSONStrings().map((word) => word.getJSONValue());
  return JSON.parse(/CMD\s+(\[.*\])/.exec(found.getTextContent())?.[1] ?? '[]') as string[];
}

/** Sources and destination of a COPY, and the stage it takes them from. */
export function copyOf(instruction: Instruction): { sources: string[]; destination: string; from?: string } {
  const copy = instruction as Copy;
  const words = copy.getArguments().map((argument) => argument.getValue());
  return { sources: words.slice(0, -1), destination: words.at(-1) ?? '', from: copy.getFromFlag()?.getValue() ?? undefined };
}

/** NAME=value of every ENV, LABEL or ARG of a stage. */
export function pairsOf(stage: Stage, keyword: 'ENV' | 'LABEL' | 'ARG'): Map<string, string> {
  const properties = allOf(stage, keyword).flatMap((instruction) => (keyword === 'ARG' ? [(instruction as Arg).getProperty()] : (instruction as Env | Label).getProperties()));
  return new Map(properties.flatMap((property) => (property === null ? [] : [[property.getName(), property.getValue() ?? '']])));
}
