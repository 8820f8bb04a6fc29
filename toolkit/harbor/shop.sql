-- The shop's tables. The first column of each is its key.
create table customers (id text primary key, name text not null, email text not null, phone text not null);
create table bikes (id text primary key, name text not null, kind text not null, day_cents integer not null);
create table closures (date text primary key, why text not null);
create table vouchers (code text primary key, amount_cents integer not null, valid_until text not null,
    customer_id text references customers, used_on text);
create table bookings (id text primary key, customer_id text not null references customers,
    bike_id text not null references bikes, first_day text not null, last_day text not null,
    price_cents integer not null, status text not null, voucher text references vouchers);
create table payments (id integer primary key, booking_id text not null references bookings,
    kind text not null, amount_cents integer not null, time text not null);
create table transfers (id integer primary key, customer_id text not null references customers,
    reason text not null, summary text not null, time text not null);
