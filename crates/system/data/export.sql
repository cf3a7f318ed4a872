-- Writes pg15.tsv, the part of the system catalogue that is the same in every database.
--   psql -XAtq -f export.sql -o pg15.tsv     against a fresh PostgreSQL 15, in this folder
-- Each section starts with a line "@relation <schema>.<name> <column> ..."; its rows follow in COPY's text
-- format. Columns of the reg* types are written as numbers.
\set ON_ERROR_STOP on
SELECT '@relations';
COPY (
  SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltype, coalesce(t.typarray, 0)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_type t ON t.oid = c.reltype
  WHERE n.nspname IN ('pg_catalog', 'information_schema') AND c.relkind IN ('r', 'v')
  ORDER BY c.oid
) TO STDOUT;
SELECT '@attributes';
COPY (
  SELECT a.attrelid, a.attname, a.atttypid, a.attnotnull
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname IN ('pg_catalog', 'information_schema') AND c.relkind IN ('r', 'v') AND a.attnum > 0
  ORDER BY a.attrelid, a.attnum
) TO STDOUT;
SELECT '@keywords';
COPY (SELECT word, catcode, barelabel, catdesc, baredesc FROM pg_get_keywords() ORDER BY word) TO STDOUT;

CREATE TEMP TABLE wanted AS
  SELECT name, restriction FROM (VALUES
    ('pg_type', 'typnamespace IN (''pg_catalog''::regnamespace, ''information_schema''::regnamespace)'),
    ('pg_am', 'true'), ('pg_language', 'true'), ('pg_range', 'true'), ('pg_cast', 'true'),
    ('pg_opclass', 'true'), ('pg_opfamily', 'true'),
    ('pg_collation', 'oid < 1000'),
    ('pg_tablespace', 'true'),
    ('pg_proc', 'true')
  ) AS w(name, restriction);
SELECT format($$SELECT '@rows pg_catalog.%s'; COPY (SELECT %s FROM pg_catalog.%I WHERE %s ORDER BY 1) TO STDOUT$$, w.name,
  (SELECT string_agg(CASE WHEN a.atttypid::regtype::text ~ '^reg' THEN a.attname || '::oid' ELSE quote_ident(a.attname) END, ', ' ORDER BY a.attnum)
   FROM pg_attribute a WHERE a.attrelid = w.name::regclass AND a.attnum > 0), w.name, w.restriction)
FROM wanted w \gexec
