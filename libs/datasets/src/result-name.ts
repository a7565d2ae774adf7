import type { CaseExpr, FuncCall, Node, SelectStmt, SubLink, TypeCast } from 'libpg-query';
import { armsOf, as, strings, typeText } from './syntax-tree.js';

/**
 * The name Postgres gives a result column that has no AS (FigureColname in parse_target.c), for the expressions people
 * leave unnamed. Undefined when it would be `?column?`, or is one of the rarer ones: those need an AS.
 */
export function resultName(expression: unknown): string | undefined {
  const [type, inner] = Object.entries((expression ?? {}) as Record<string, unknown>)[0] ?? ['', undefined];
  switch (type) {
    case 'ColumnRef':
      return strings((inner as { fields?: Node[] }).fields).at(-1);
    case 'FuncCall':
      return strings((inner as FuncCall).funcname).at(-1);
    case 'TypeCast': {
      const cast = inner as TypeCast;
      return resultName(cast.arg) ?? (cast.typeName === undefined ? undefined : strings(cast.typeName.names).at(-1));
    }
    case 'A_Indirection': {
      const { arg, indirection } = inner as { arg?: Node; indirection?: Node[] };
      return strings(indirection).filter((name) => name !== '' && name !== '*').at(-1) ?? resultName(arg);
    }
    case 'CollateClause':
      return resultName((inner as { arg?: Node }).arg);
    case 'CoalesceExpr':
      return 'coalesce';
    case 'MinMaxExpr':
      return (inner as { op?: string }).op === 'IS_LEAST' ? 'least' : 'greatest';
    case 'CaseExpr':
      return resultName((inner as CaseExpr).defresult) ?? 'case';
    case 'GroupingFunc':
      return 'grouping';
    case 'A_ArrayExpr':
      return 'array';
    case 'RowExpr':
      return 'row';
    case 'A_Expr':
      return (inner as { kind?: string }).kind === 'AEXPR_NULLIF' ? 'nullif' : undefined;
    case 'SQLValueFunction':
      return String((inner as { op?: string }).op).replace(/^SVFOP_/, '').replace(/_N$/, '').toLowerCase();
    case 'SubLink':
      return sublinkName(inner as SubLink);
    default:
      return undefined;
  }
}

function sublinkName(link: SubLink): string | undefined {
  if (link.subLinkType === 'EXISTS_SUBLINK') return 'exists';
  if (link.subLinkType === 'ARRAY_SUBLINK') return 'array';
  if (link.subLinkType !== 'EXPR_SUBLINK') return undefined;
  let select = as<SelectStmt>('SelectStmt', link.subselect);
  while (select !== undefined && armsOf(select) !== undefined) select = select.larg;
  const target = as<{ name?: string; val?: Node }>('ResTarget', select?.targetList?.[0]);
  return target?.name ?? resultName(target?.val);
}

/** The type an expression is cast to, when it is a cast. */
export function castTypeOf(expression: unknown): string | undefined {
  const cast = as<TypeCast>('TypeCast', expression);
  return cast?.typeName === undefined ? undefined : typeText(cast.typeName);
}
