/**
 * Built-in functions that neither write, nor read files, nor reach the network, nor change the connection. Any other
 * function adds the verb `Call`: a SELECT may hide a write behind a name.
 */
export const pureFunctions: ReadonlySet<string> = new Set(
  `abs age array_agg array_append array_cat array_length array_position array_prepend array_remove array_replace array_to_json
  array_to_string ascii avg bit_and bit_length bit_or bool_and bool_or btrim cardinality cbrt ceil ceiling char_length
  character_length chr clock_timestamp coalesce concat concat_ws convert_from convert_to corr count covar_pop covar_samp
  cume_dist current_database current_date current_schema current_setting current_user date date_bin date_part date_trunc
  decode degrees dense_rank div encode every exp extract first_value floor format format_type gcd generate_series
  generate_subscripts gen_random_uuid get_byte greatest has_table_privilege initcap isfinite json_agg json_array_elements json_array_elements_text
  json_array_length json_build_array json_build_object json_each json_each_text json_extract_path json_extract_path_text
  json_object json_object_agg json_object_keys json_populate_record json_strip_nulls json_typeof jsonb_agg jsonb_array_elements
  jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text
  jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg jsonb_object_keys jsonb_path_exists
  jsonb_path_query jsonb_path_query_array jsonb_path_query_first jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_typeof
  justify_days justify_hours justify_interval lag last_value lcm lead least left length ln localtime localtimestamp log lower lpad
  ltrim make_date make_interval make_time make_timestamp make_timestamptz max md5 min mod mode now nth_value ntile nullif
  num_nonnulls num_nulls obj_description octet_length overlaps overlay parse_ident percent_rank percentile_cont percentile_disc pg_backend_pid
  pg_column_size pg_encoding_to_char pg_get_constraintdef pg_get_expr pg_get_functiondef pg_get_indexdef pg_get_keywords
  pg_get_serial_sequence pg_get_userbyid pg_get_viewdef pg_is_in_recovery pg_relation_size pg_size_pretty pg_table_is_visible
  pg_table_size pg_total_relation_size pg_type_is_visible pg_typeof pi position power quote_ident quote_literal quote_nullable
  radians random rank regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array
  regexp_split_to_table regexp_substr regr_slope repeat replace reverse right round row_number row_to_json rpad rtrim session_user
  shobj_description sign split_part sqrt starts_with statement_timestamp stddev stddev_pop stddev_samp strpos string_agg
  string_to_array string_to_table strpos substr substring sum timezone to_char to_date to_hex to_json to_jsonb to_number to_regclass
  to_timestamp to_tsquery to_tsvector transaction_timestamp translate trim trunc ts_headline ts_rank unaccent unnest upper
  user var_pop var_samp variance version width_bucket xmlagg`
    .trim()
    .split(/\s+/),
)
