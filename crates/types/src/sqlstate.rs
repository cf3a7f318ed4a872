//! [`SqlState`]: the five-character codes that Postgres clients react to.
//!
//! The one idea: a state is one entry (code, condition, meaning, what to do); `docs/reference/errors.md`
//! is written from them.
//!
//! Source: PostgreSQL 15, appendix A "PostgreSQL Error Codes".

macro_rules! states {
    ($($name:ident = $code:literal $condition:literal $meaning:literal $remedy:literal;)*) => {
        /// A Postgres error code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the names are those of PostgreSQL's appendix A")]
        pub enum SqlState { $($name,)* }

        impl SqlState {
            /// Every state.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The five characters.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The name of the condition, as drivers know it.
            #[must_use]
            pub const fn condition(self) -> &'static str {
                match self { $(Self::$name => $condition,)* }
            }

            /// When it is answered.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }

            /// What to do then.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* }
            }

            /// The state with these five characters.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }
        }
    };
}

states! {
    SuccessfulCompletion = "00000" "successful_completion"
        "A notice that is no more than that."
        "Nothing.";
    Warning = "01000" "warning"
        "A statement did what it says, and there is something to know; always a notice."
        "Read its hint.";
    ProtocolViolation = "08P01" "protocol_violation"
        "A message of the client is not what the protocol expects here, or parameters do not fit the statement."
        "Pass as many parameters as the statement has; otherwise the driver is at fault.";
    FeatureNotSupported = "0A000" "feature_not_supported"
        "PostgreSQL has it, or the language could, and this version does not."
        "The hint says what to write instead.";
    CardinalityViolation = "21000" "cardinality_violation"
        "A subquery that stands for a value gave more than one row, or an upsert met one row twice."
        "Limit the subquery; give each key once in an INSERT.";
    DataException = "22000" "data_exception"
        "A value is wrong in a way that has no code of its own."
        "The message says which.";
    StringDataRightTruncation = "22001" "string_data_right_truncation"
        "A text is longer than its varchar(n)."
        "Cut it with left, or take text.";
    NumericValueOutOfRange = "22003" "numeric_value_out_of_range"
        "A number does not fit its type: integers do not wrap, and numeric has at most 38 digits."
        "Compute in a wider type.";
    NullValueNotAllowed = "22004" "null_value_not_allowed"
        "NULL where a function needs a value, as the key of an object."
        "Use coalesce.";
    DatetimeFieldOverflow = "22008" "datetime_field_overflow"
        "A date or time that does not exist, or lies outside of its type."
        "Correct the value.";
    DivisionByZero = "22012" "division_by_zero"
        "Something is divided by zero. In a view the row is an error in kappa_errors."
        "Divide by nullif(x, 0).";
    IntervalFieldOverflow = "22015" "interval_field_overflow"
        "A part of an interval is too large."
        "Correct the value.";
    InvalidEscapeSequence = "22025" "invalid_escape_sequence"
        "An escape of a pattern is not one character, or ends it."
        "Write a single character.";
    InvalidRegularExpression = "2201B" "invalid_regular_expression"
        "A regular expression cannot be read. There are no back references and no look-around."
        "The message says what is wrong.";
    InvalidArgumentForLogarithm = "2201E" "invalid_argument_for_logarithm"
        "The logarithm of zero or less."
        "Filter such rows.";
    InvalidArgumentForPowerFunction = "2201F" "invalid_argument_for_power_function"
        "Zero to a negative power, a negative number to one that is not whole, or the root of a negative number."
        "Filter such rows.";
    InvalidLimitValue = "2201W" "invalid_row_count_in_limit_clause"
        "LIMIT or OFFSET is negative."
        "Correct the value.";
    CharacterNotInRepertoire = "22021" "character_not_in_repertoire"
        "Bytes are not UTF-8."
        "Convert the input.";
    SubstringError = "22011" "substring_error"
        "The length of a part of a text is negative."
        "Correct the value.";
    InvalidParameterValue = "22023" "invalid_parameter_value"
        "A value that a setting, an option or a function does not take."
        "The hint lists those that it takes.";
    InvalidTextRepresentation = "22P02" "invalid_text_representation"
        "Text is no value of the type that it is read as."
        "Correct the value.";
    InvalidBinaryRepresentation = "22P03" "invalid_binary_representation"
        "A binary parameter or COPY field is no value of its type."
        "Say the types of parameters when preparing.";
    BadCopyFileFormat = "22P04" "bad_copy_file_format"
        "A line of COPY has other columns than the table, or cannot be taken apart. The context says which."
        "Correct the line; nothing of that COPY was written.";
    InvalidDatetimeFormat = "22007" "invalid_datetime_format"
        "Text is no date or time, or does not fit its template."
        "Write it as 2030-01-31 12:00:00.";
    InvalidTimeZoneDisplacementValue = "22009" "invalid_time_zone_displacement_value"
        "A time zone's distance from UTC is too large."
        "Correct the value.";
    UntranslatableCharacter = "22P05" "untranslatable_character"
        "An escape in JSON is for no character that text can hold."
        "Take it out.";
    NotNullViolation = "23502" "not_null_violation"
        "NULL for a column that is NOT NULL or in the primary key."
        "Give a value or a DEFAULT.";
    UniqueViolation = "23505" "unique_violation"
        "A row with this primary key is there."
        "Use ON CONFLICT.";
    ActiveSqlTransaction = "25001" "active_sql_transaction"
        "A statement that cannot be inside of BEGIN and COMMIT, as DDL; or a BEGIN in a transaction, then a warning."
        "Run it outside.";
    ReadOnlySqlTransaction = "25006" "read_only_sql_transaction"
        "A write in a transaction that is read only."
        "Begin one that is not.";
    NoActiveSqlTransaction = "25P01" "no_active_sql_transaction"
        "COMMIT, ROLLBACK or SET LOCAL outside of a transaction."
        "Begin one.";
    InFailedSqlTransaction = "25P02" "in_failed_sql_transaction"
        "An earlier statement of the transaction failed."
        "ROLLBACK, and begin again.";
    IdleInTransactionSessionTimeout = "25P03" "idle_in_transaction_session_timeout"
        "A transaction did nothing for longer than idle_in_transaction_session_timeout; the connection was closed."
        "Connect again.";
    InvalidSqlStatementName = "26000" "invalid_sql_statement_name"
        "There is no prepared statement of this name."
        "Prepare it in this session.";
    InvalidAuthorizationSpecification = "28000" "invalid_authorization_specification"
        "A connection without a user name."
        "Give any; there are no roles.";
    DependentObjectsStillExist = "2BP01" "dependent_objects_still_exist"
        "Something that others are built on cannot be dropped."
        "Drop those first, or use CASCADE.";
    InvalidCursorName = "34000" "invalid_cursor_name"
        "There is no portal of this name."
        "Portals end with their transaction.";
    InvalidCatalogName = "3D000" "invalid_catalog_name"
        "There is no database of this name."
        "The database is called kappa.";
    InvalidSchemaName = "3F000" "invalid_schema_name"
        "There is no schema of this name."
        "CREATE SCHEMA, or look at search_path.";
    SerializationFailure = "40001" "serialization_failure"
        "Another transaction changed a row first."
        "Run the whole transaction again.";
    SyntaxErrorOrAccessRuleViolation = "42000" "syntax_error_or_access_rule_violation"
        "A statement that cannot be planned and has no code of its own."
        "The message says why.";
    InsufficientPrivilege = "42501" "insufficient_privilege"
        "A change of the system catalogue or of a setting that is fixed."
        "It cannot be changed.";
    SyntaxError = "42601" "syntax_error"
        "The statement cannot be read."
        "The position says where.";
    InvalidName = "42602" "invalid_name"
        "A text that should be a name is none."
        "Quote it as a name.";
    DuplicateColumn = "42701" "duplicate_column"
        "Two columns of one name."
        "Rename one with AS.";
    AmbiguousColumn = "42702" "ambiguous_column"
        "A name that more than one relation has."
        "Write relation.column.";
    UndefinedColumn = "42703" "undefined_column"
        "There is no column of this name."
        "Names without quotes are small letters.";
    UndefinedObject = "42704" "undefined_object"
        "There is no setting, type or other object of this name."
        "Look at `SHOW ALL`, or at the page of types.";
    DuplicateAlias = "42712" "duplicate_alias"
        "Two relations in FROM have one name."
        "Name one with AS.";
    AmbiguousFunction = "42725" "ambiguous_function"
        "More than one function or operator fits."
        "Cast the arguments.";
    GroupingError = "42803" "grouping_error"
        "A column is neither grouped nor in an aggregate, or an aggregate stands where none can."
        "Add it to GROUP BY.";
    DatatypeMismatch = "42804" "datatype_mismatch"
        "A value of another type than its place needs."
        "Cast it.";
    WrongObjectType = "42809" "wrong_object_type"
        "The relation is of another kind than the statement is for, as DELETE from a source."
        "Use the statement for that kind.";
    CannotCoerce = "42846" "cannot_coerce"
        "There is no cast between two types."
        "Go by way of text.";
    UndefinedFunction = "42883" "undefined_function"
        "There is no function or operator of this name for these types."
        "Cast the arguments; see the page of functions.";
    GeneratedAlways = "428C9" "generated_always"
        "A value for a column that is computed."
        "Leave it out, or write DEFAULT.";
    ReservedName = "42939" "reserved_name"
        "A name that is the system's, beginning with pg_."
        "Take another.";
    UndefinedTable = "42P01" "undefined_table"
        "There is no relation of this name."
        "Look at search_path; names without quotes are small letters.";
    UndefinedParameter = "42P02" "undefined_parameter"
        "A $n that has no value here: views have none, nor has the simple protocol."
        "Write the value.";
    DuplicateCursor = "42P03" "duplicate_cursor"
        "There is a portal of this name."
        "Close it.";
    DuplicatePreparedStatement = "42P05" "duplicate_prepared_statement"
        "There is a prepared statement of this name."
        "DEALLOCATE it.";
    DuplicateSchema = "42P06" "duplicate_schema"
        "There is a schema of this name."
        "Use IF NOT EXISTS.";
    DuplicateTable = "42P07" "duplicate_table"
        "There is a relation of this name."
        "Use IF NOT EXISTS or OR REPLACE.";
    InvalidColumnReference = "42P10" "invalid_column_reference"
        "ON CONFLICT, ORDER BY or DISTINCT ON names what is not there."
        "Name the columns of the primary key, or those selected.";
    InvalidTableDefinition = "42P16" "invalid_table_definition"
        "A table or source is defined in itself wrongly, as with two watermarks."
        "Correct the definition.";
    InvalidObjectDefinition = "42P17" "invalid_object_definition"
        "A view is defined on what no view can be kept on, as a system relation, or without the watermark it needs."
        "The hint says how.";
    IndeterminateDatatype = "42P18" "indeterminate_datatype"
        "The type of a parameter or of an empty array cannot be told."
        "Cast it.";
    InvalidRecursion = "42P19" "invalid_recursion"
        "A recursive query reads itself where it must not: twice, in a subquery, under an outer join or an aggregate."
        "Read it once, in FROM.";
    WindowingError = "42P20" "windowing_error"
        "OVER or WINDOW gives a named window a partition, an order or a frame that it may not have."
        "Write the window out.";
    DiskFull = "53100" "disk_full"
        "The disk of the log is full; the write was not done."
        "Make room: writing goes on by itself.";
    OutOfMemory = "53200" "out_of_memory"
        "A query needs more memory than it may take."
        "Filter, LIMIT, or keep the result as a materialized view.";
    TooManyConnections = "53300" "too_many_connections"
        "There are as many connections as connection_count_max."
        "Close some, or raise it.";
    ProgramLimitExceeded = "54000" "program_limit_exceeded"
        "Something is larger than its bound: changes of a transaction, prepared statements, a row, an array."
        "The detail names the bound.";
    StatementTooComplex = "54001" "statement_too_complex"
        "A statement or a JSON value is nested too deeply."
        "Take it apart.";
    TooManyColumns = "54011" "too_many_columns"
        "A relation with too many columns."
        "Split it.";
    ObjectNotInPrerequisiteState = "55000" "object_not_in_prerequisite_state"
        "A view or rebuild is not in the state that the statement needs: it has failed, has ended, or has not caught up."
        "Look at kappa_views and kappa_rebuilds.";
    ObjectInUse = "55006" "object_in_use"
        "A rebuild is under way."
        "Wait for it, APPLY or CANCEL it.";
    LockNotAvailable = "55P03" "lock_not_available"
        "A row was held by another transaction for longer than lock_timeout."
        "Run it again.";
    QueryCanceled = "57014" "query_canceled"
        "A statement was cancelled: by the client, by statement_timeout, or by kappa.read_wait because views did not catch up."
        "Raise the limit, or read with kappa.read = available.";
    AdminShutdown = "57P01" "admin_shutdown"
        "The server is shutting down."
        "Connect again.";
    CannotConnectNow = "57P03" "cannot_connect_now"
        "The server is starting, or another process has its data directory."
        "Try again.";
    IdleSessionTimeout = "57P05" "idle_session_timeout"
        "A session did nothing for longer than idle_session_timeout; the connection was closed."
        "Connect again.";
    IoError = "58030" "io_error"
        "Reading or writing the disk failed; what was not acknowledged is not done."
        "Look at the disk and the server's output.";
    UndefinedFile = "58P01" "undefined_file"
        "A source's file is not there."
        "Correct the path; it is one of the server's.";
    SnapshotTooOld = "72000" "snapshot_too_old"
        "What a transaction reads is no longer kept."
        "Begin it again.";
    InternalError = "XX000" "internal_error"
        "A mistake of ours."
        "Report it with the statement.";
    DataCorrupted = "XX001" "data_corrupted"
        "A file of the log is damaged."
        "Restore the directory from a copy.";
}
