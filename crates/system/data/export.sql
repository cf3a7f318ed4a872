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
    -- The functions that exist here, and those that types and access methods refer to.
    ('pg_proc', 'proname IN (
      ''_pg_expandarray'', ''abs'', ''aclexplode'', ''acos'', ''acosh'', ''array_agg'', ''array_append'',
      ''array_cat'', ''array_dims'', ''array_fill'', ''array_length'', ''array_lower'', ''array_ndims'',
      ''array_position'', ''array_positions'', ''array_prepend'', ''array_remove'', ''array_replace'',
      ''array_to_string'', ''array_upper'', ''arraycontains'', ''arrayoverlap'', ''ascii'', ''asin'',
      ''asinh'', ''atan'', ''atanh'', ''avg'', ''bit_length'', ''bool_and'', ''bool_or'', ''btrim'',
      ''cardinality'', ''cbrt'', ''ceil'', ''ceiling'', ''char_length'', ''character_length'', ''chr'',
      ''col_description'', ''concat'', ''concat_ws'', ''corr'', ''cos'', ''cosh'', ''cot'', ''count'',
      ''covar_pop'', ''covar_samp'', ''cume_dist'', ''current_database'', ''current_schema'',
      ''current_schemas'', ''current_setting'', ''current_user'', ''date_bin'', ''date_part'',
      ''date_trunc'', ''decode'', ''degrees'', ''dense_rank'', ''encode'', ''every'', ''exp'', ''extract'',
      ''factorial'', ''first_value'', ''floor'', ''format'', ''format_type'', ''gcd'', ''generate_series'',
      ''generate_subscripts'', ''getdatabaseencoding'', ''has_any_column_privilege'',
      ''has_column_privilege'', ''has_database_privilege'', ''has_foreign_data_wrapper_privilege'',
      ''has_function_privilege'', ''has_language_privilege'', ''has_parameter_privilege'',
      ''has_schema_privilege'', ''has_sequence_privilege'', ''has_server_privilege'',
      ''has_table_privilege'', ''has_tablespace_privilege'', ''has_type_privilege'', ''inet_client_addr'',
      ''inet_client_port'', ''initcap'', ''json_agg'', ''json_build_array'', ''json_build_object'',
      ''json_object_agg'', ''jsonb_agg'', ''jsonb_build_array'', ''jsonb_build_object'',
      ''jsonb_object_agg'', ''lag'', ''last_value'', ''lcm'', ''lead'', ''left'', ''length'', ''ln'',
      ''log'', ''log10'', ''lower'', ''lpad'', ''ltrim'', ''make_date'', ''make_time'', ''max'', ''md5'',
      ''min'', ''mod'', ''now'', ''nth_value'', ''ntile'', ''obj_description'', ''octet_length'',
      ''overlay'', ''parse_ident'', ''percentile_cont'', ''pg_advisory_unlock_all'', ''pg_backend_pid'',
      ''pg_blocking_pids'', ''pg_cancel_backend'', ''pg_char_to_encoding'', ''pg_client_encoding'',
      ''pg_collation_is_visible'', ''pg_conf_load_time'', ''pg_conversion_is_visible'', ''pg_database_size'',
      ''pg_describe_object'', ''pg_encoding_to_char'', ''pg_filenode_relation'', ''pg_function_is_visible'',
      ''pg_get_constraintdef'', ''pg_get_expr'', ''pg_get_function_arguments'',
      ''pg_get_function_identity_arguments'', ''pg_get_function_result'', ''pg_get_function_sqlbody'',
      ''pg_get_functiondef'', ''pg_get_indexdef'', ''pg_get_keywords'', ''pg_get_partition_constraintdef'',
      ''pg_get_partkeydef'', ''pg_get_ruledef'', ''pg_get_serial_sequence'', ''pg_get_statisticsobjdef'',
      ''pg_get_statisticsobjdef_columns'', ''pg_get_triggerdef'', ''pg_get_userbyid'', ''pg_get_viewdef'',
      ''pg_has_role'', ''pg_index_column_has_property'', ''pg_indexes_size'', ''pg_is_in_recovery'',
      ''pg_is_other_temp_schema'', ''pg_listening_channels'', ''pg_my_temp_schema'',
      ''pg_opclass_is_visible'', ''pg_operator_is_visible'', ''pg_opfamily_is_visible'',
      ''pg_options_to_table'', ''pg_postmaster_start_time'', ''pg_relation_filenode'',
      ''pg_relation_is_publishable'', ''pg_relation_is_updatable'', ''pg_relation_size'', ''pg_size_pretty'',
      ''pg_stat_get_live_tuples'', ''pg_stat_get_numscans'', ''pg_statistics_obj_is_visible'',
      ''pg_table_is_visible'', ''pg_table_size'', ''pg_tablespace_location'', ''pg_tablespace_size'',
      ''pg_terminate_backend'', ''pg_total_relation_size'', ''pg_ts_config_is_visible'',
      ''pg_ts_dict_is_visible'', ''pg_ts_parser_is_visible'', ''pg_ts_template_is_visible'',
      ''pg_type_is_visible'', ''pi'', ''position'', ''pow'', ''power'', ''quote_ident'', ''quote_literal'',
      ''quote_nullable'', ''radians'', ''random'', ''rank'', ''regexp_count'', ''regexp_instr'',
      ''regexp_like'', ''regexp_match'', ''regexp_replace'', ''regexp_split_to_array'',
      ''regexp_split_to_table'', ''repeat'', ''replace'', ''reverse'', ''right'', ''round'', ''row_number'',
      ''row_security_active'', ''row_to_json'', ''rpad'', ''rtrim'', ''session_user'', ''set_config'',
      ''shobj_description'', ''sign'', ''sin'', ''sinh'', ''split_part'', ''sqrt'', ''starts_with'',
      ''statement_timestamp'', ''stddev'', ''stddev_pop'', ''string_agg'', ''string_to_array'',
      ''string_to_table'', ''strpos'', ''substr'', ''substring'', ''sum'', ''tan'', ''tanh'', ''textanycat'',
      ''timestamp_mi'', ''timestamp_mi_interval'', ''timestamp_pl_interval'', ''to_char'', ''to_date'',
      ''to_hex'', ''to_json'', ''to_jsonb'', ''to_regclass'', ''to_regnamespace'', ''to_regproc'',
      ''to_regprocedure'', ''to_regrole'', ''to_regtype'', ''to_timestamp'', ''transaction_timestamp'',
      ''translate'', ''trunc'', ''unnest'', ''upper'', ''var_pop'', ''var_samp'', ''version''
    ) OR oid IN (
      SELECT unnest(ARRAY[typinput, typoutput, typreceive, typsend, typmodin, typmodout, typanalyze, typsubscript])
      FROM pg_type UNION SELECT amhandler FROM pg_am UNION SELECT castfunc FROM pg_cast)')
  ) AS w(name, restriction);
SELECT format($$SELECT '@rows pg_catalog.%s'; COPY (SELECT %s FROM pg_catalog.%I WHERE %s ORDER BY 1) TO STDOUT$$, w.name,
  (SELECT string_agg(CASE WHEN a.atttypid::regtype::text ~ '^reg' THEN a.attname || '::oid' ELSE quote_ident(a.attname) END, ', ' ORDER BY a.attnum)
   FROM pg_attribute a WHERE a.attrelid = w.name::regclass AND a.attnum > 0), w.name, w.restriction)
FROM wanted w \gexec
