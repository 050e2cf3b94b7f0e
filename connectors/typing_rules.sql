-- The rules a delivered value is read by. Each macro takes trimmed text and gives null where the text is not a value.
-- Where nearly every text is written in one way, that way comes first as it stands: the rule below it says the same of
-- such a text, at several times the cost.

-- The blanks: space, tab, line ends, and the non-breaking, figure, zero-width and narrow spaces and byte order mark.
set variable blanks =
    ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)
    || chr(160) || chr(8199) || chr(8203) || chr(8239) || chr(65279);

-- Text without the blanks around it; nothing is null. Most text begins and ends with a plain character, and seeing that
-- is several times as fast as trimming.
create or replace temp macro read_text(raw) as case
    when regexp_full_match(raw, '[!-~]([ -~]*[!-~])?') then raw
    else nullif(trim(raw, getvariable('blanks')), '')
end;

-- What a spreadsheet shows for a formula that failed, or for a value wider than its column: not a value.
create or replace temp macro is_spreadsheet_error(value) as starts_with(value, '#') and (
    upper(value) in (
        '#N/A', '#REF!', '#DIV/0!', '#VALUE!', '#NAME?', '#NUM!', '#NULL!', '#SPILL!', '#CALC!', '#FIELD!',
        '#BLOCKED!', '#CONNECT!', '#BUSY!', '#UNKNOWN!', '#GETTING_DATA', '#PYTHON!'
    )
    or regexp_full_match(value, '##+')
);

-- A calendar day: ISO, with or without a time; day/month/year; day month-name year. Two-digit years are not guessed,
-- and no one in the data was born before 1850.
create or replace temp macro read_any_date(value) as case
    when regexp_full_match(value, '\d{4}-\d{1,2}-\d{1,2}')
        then try_cast(value as date)
    when regexp_full_match(value, '\d{1,2}/\d{1,2}/\d{4}')
        then cast(try_strptime(value, '%d/%m/%Y') as date)
    when regexp_full_match(value, '\d{4}-\d{1,2}-\d{1,2}[T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)?')
        then try_cast(regexp_extract(value, '^[\d-]+') as date)
    when regexp_full_match(value, '\d{1,2}[/.-]\d{1,2}[/.-]\d{4}( \d{1,2}:\d{2}(:\d{2})?)?')
        then cast(try_strptime(regexp_replace(split_part(value, ' ', 1), '[.-]', '/', 'g'), '%d/%m/%Y') as date)
    when regexp_full_match(value, '\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{4}')
        then cast(try_strptime(replace(value, '-', ' '), ['%d %b %Y', '%d %B %Y']) as date)
end;

create or replace temp macro read_date(value) as case
    when read_any_date(value) >= date '1850-01-01' then read_any_date(value)
end;

-- In a workbook a bare number in a date column is Excel's count of days since 30 December 1899 (1927 to 2173 here).
create or replace temp macro read_workbook_date(value) as case
    when regexp_full_match(value, '[1-9]\d{4}(\.\d+)?')
        then date '1899-12-30' + cast(floor(cast(value as double)) as integer)
    else read_date(value)
end;

-- A moment; a bare day is its midnight. A time zone is dropped, for our sources write local time.
create or replace temp macro read_datetime(value) as case
    when read_date(value) is null or not contains(value, ':')
        then cast(read_date(value) as timestamp)
    when regexp_full_match(value, '\d{4}-.*')
        then try_cast(regexp_replace(value, '(Z|[+-]\d{2}(:?\d{2})?)$', '') as timestamp)
    else try_strptime(regexp_replace(value, '[.-]', '/', 'g'), ['%d/%m/%Y %H:%M:%S', '%d/%m/%Y %H:%M'])
end;

create or replace temp macro without_commas(value) as case
    when regexp_full_match(value, '[+-]?\d{1,3}(,\d{3})+(\.\d+)?') then replace(value, ',', '') else value
end;

create or replace temp macro read_integer(value) as case
    when regexp_full_match(value, '[+-]?\d{1,18}')
        then try_cast(value as bigint)
    when regexp_full_match(without_commas(value), '[+-]?\d{1,18}(\.0+)?')
        then try_cast(regexp_replace(without_commas(value), '\.0+$', '') as bigint)
end;

create or replace temp macro read_decimal(value) as case
    when regexp_full_match(value, '[+-]?\d+(\.\d+)?')
        then try_cast(value as decimal(18, 2))
    when regexp_full_match(without_commas(regexp_replace(value, '^(-?)£ ?', '\1')), '[+-]?\d+(\.\d+)?')
        then try_cast(without_commas(regexp_replace(value, '^(-?)£ ?', '\1')) as decimal(18, 2))
end;

create or replace temp macro read_boolean(value) as case
    when lower(value) in ('1', 'true', 'yes', 'y') then true
    when lower(value) in ('0', 'false', 'no', 'n') then false
end;

-- Days that stand for "not known" in older systems; they are no dates.
create or replace temp macro is_placeholder(day) as cast(day as date) in (date '1900-01-01', date '9999-12-31');
