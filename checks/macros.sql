-- What more than one rule needs, stated once. Made in the database's schema checks before the contracts run.

-- A value of the row that could not be read, so that its absence says nothing.
create or replace macro checks.has_issue(issues, column_name) as
    coalesce(len(list_filter(issues, lambda issue: issue."column" = column_name)), 0) > 0;

-- Unique pupil number: a check letter, then 12 digits of which the last may be a letter (a temporary number).
-- The letter stands for the sum of the others' values, each by its place from 2 to 13, modulo 23.
create or replace macro checks.is_upn(upn) as
    regexp_full_match(upn, '[A-HJ-NP-RT-Z][0-9]{11}[0-9A-HJ-NP-RT-Z]')
    and upn[1] = 'ABCDEFGHJKLMNPQRTUVWXYZ'[1 + (
        2 * (ascii(upn[2]) - 48) + 3 * (ascii(upn[3]) - 48) + 4 * (ascii(upn[4]) - 48)
        + 5 * (ascii(upn[5]) - 48) + 6 * (ascii(upn[6]) - 48) + 7 * (ascii(upn[7]) - 48)
        + 8 * (ascii(upn[8]) - 48) + 9 * (ascii(upn[9]) - 48) + 10 * (ascii(upn[10]) - 48)
        + 11 * (ascii(upn[11]) - 48) + 12 * (ascii(upn[12]) - 48)
        + 13 * coalesce(try_cast(upn[13] as integer), strpos('ABCDEFGHJKLMNPQRTUVWXYZ', upn[13]) - 1)
    ) % 23];

-- Unique learner number: ten digits; nine by weights 10 to 2, modulo 11, leave what the tenth takes from 10, never 0.
create or replace macro checks.is_uln(uln) as
    regexp_full_match(uln, '[1-9][0-9]{9}')
    and list_sum(list_transform(range(1, 11), lambda place: (11 - place) * (ascii(uln[place]) - 48))) % 11 = 10;

-- NHS number: ten digits; their sum by weights 10 to 1 is a multiple of 11.
create or replace macro checks.is_nhs_number(nhs_number) as
    regexp_full_match(nhs_number, '[0-9]{3} ?[0-9]{3} ?[0-9]{4}')
    and list_sum(list_transform(
        range(1, 11), lambda place: (11 - place) * (ascii(replace(nhs_number, ' ', '')[place]) - 48)
    )) % 11 = 0;

-- Whole years of age on a day.
create or replace macro checks.age_on(birth_date, on_date) as
    date_diff('year', birth_date, on_date)
    - (strftime(on_date, '%m%d') < strftime(birth_date, '%m%d'))::integer;

-- The day the warehouse is of.
create or replace macro checks.as_at() as (select as_at from landing.run);

-- The record came, but its row was set apart, so what refers to it is not lost.
create or replace macro checks.is_set_apart(extract_name, table_name, record) as
    exists(
        select 1 from landing.quarantine as held
        where held.extract = extract_name and held."table" = table_name and held.record_id = record
    );

-- The plan is maintained on the day the warehouse is of, as far as its record is whole.
create or replace macro checks.is_active_plan(start_date, cease_date, cease_reason, issues) as
    start_date <= checks.as_at()
    and case
        when cease_date is null then cease_reason is null and not checks.has_issue(issues, 'cease_date')
        else cease_date > checks.as_at()
    end;

-- Two records that name one person: names, birth date and postcode alike.
create or replace macro checks.is_same_person(
    surname, forename, birth_date, postcode, other_surname, other_forename, other_birth_date, other_postcode
) as
    lower(surname) = lower(other_surname)
    and lower(forename) = lower(other_forename)
    and birth_date = other_birth_date
    and replace(upper(postcode), ' ', '') = replace(upper(other_postcode), ' ', '');
